"""A small label file that has every list and the irregularities of the real one."""

SMALL = """\
libname library 'Your file location' ;
proc format library=library ;
/* I94CIT - see value i94cntyl and $i94prtl 1 = 'x'; don't be misled */
  value i94cntyl
   582 =  'MEXICO Air Sea'
     0 =  'INVALID: STATELESS'
   996 =  'No Country Code (996)' ;
value $i94prtl
  'ALC'\t=\t'ALCAN, AK   '
  'CP '\t=\t'No PORT Code (CP)'
;
value i94model
  1 = 'Air'
  9 = 'Not reported' ;
value i94addrl
  'AK'='ALASKA'
  '99'='All Other Codes' ;
/* I94VISA - Visa codes:
   1 = Business
   2 = Pleasure
*/
/* COUNT = a number */
"""
