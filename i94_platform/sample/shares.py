"""The shares of a month of arrivals: who comes from where, through which port, with which visa, for how long.

Here: figures only, as weights and quantiles, measured on April 2016 and written down to their common values, and how
much season and growth change them in other months. Not here: how they combine to the distributions of one month
(`mix`), how rows are drawn (`draw`, `immigration`), and rows that are refused (`dirt`).

A text of weights is `value:weight value:weight …`, `_` standing for a missing value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from i94_platform.sample.draw import Choices, Quantiles

GROUPS = "ENASLCPR"
"""Groups of origins that fly alike: Europe, North Pacific (Japan, Korea), rest of East Asia, South Asia to Africa,
Latin America, Caribbean, South Pacific, and the rest of the world."""

LANES = (*GROUPS, "sea", "land", "unreported", "missing")
"""What port and carrier depend on: the origin's group by air, else the mode of arrival."""

MODES = Choices.parse("1:2994505 2:26349 3:66660 9:8560 _:239")
"""The mode of arrival; the values after air are the lanes after the groups, in the same order."""

# Country of residence:thousandths of all arrivals:post that issues its visas; `w` marks a visa waiver country.
ORIGINS = {
    "E": (
        "135w:118.99:LND 111w:59.86:PRS 112w:50.58:FRN 123w:24.1:AMS 117w:21.25:MLN 129w:15.87:MDD "
        "131w:15.49:BEN 130w:14.55:STK 116w:9.65:DBL 108w:7.94:CPN 158:7.2:MOS 104w:6.72:BRS 124w:6.54:OSL "
        "107:5.22:WRW 103w:4.99:VNN 110w:3.73:HLS 126w:2.9:LSB 140w:2.61:PRG 162:2.39:KEV 113w:2.34:ATH "
        "114w:1.88:BDP 127:1.75:BCH 115w:1.27:RKJ 141w:1.14:BTS 166w:0.76:LJU 105:0.76:SOF"
    ),
    "N": "209w:80.47:TKY 276w:44.02:SEO",
    "A": (
        "245:59.95:GUZ 268w:9.66:TAI 260:8.53:MNL 263:4.7:BNK 207w:3.7:SGP 206:2.75:HNK 266:2.38:HCM "
        "273:1.91:KLL 204:1.89:JAK"
    ),
    "S": (
        "213:34.62:BMB 251:14.03:TLV 264:5.41:IST 343:4.49:LGS 261:3.51:RID 373:2.91:JHN 296:2.71:DUB "
        "368:2.02:CRO 258:1.93:ISL 272:1.16:KWT 255:0.96:BRT 332:0.86:CSB 253:0.85:AMM 297:0.8:DOH"
    ),
    "L": (
        "582:58.01:MEX 689:43.57:SPL 687:24.26:BNS 691:17.55:BGT 692:13.72:GYQ 696:13.23:CRS 690w:7.8:SNT "
        "694:6.75:LMA 575:5.8:SNJ 577:5.56:GTM 576:4.52:SNS 504:3.69:PNM 688:1.84:LPZ 695:1.81:MTV "
        "579:1.6:MNG 603:1.43:GEO"
    ),
    "C": (
        "585:7.99:SDO 514:6.21:KNG 512:4.8:NSS 528:4.48:TGG 586:3.47:PTP 516:3.41:PTS 584:1.72:HAV "
        "509:1.71:HML 513:1.23:BGN"
    ),
    "P": "438w:36.3:SYD 464w:7.67:ACK",
}
# Codes outside this table share the rest, the first ones most of it.
REST = 23.14
# Citizens who carry another code than their country of residence: code, share. Most of these codes are unlisted.
CITIZENS = {
    112: (148, 0.985),
    276: (254, 0.995),
    209: (252, 0.166),
    158: (746, 0.98),
    264: (133, 0.99),
    135: (180, 0.009),
}
STRAY_CITIZENS = Choices.parse(
    "574:6460 148:5000 254:2500 734:2721 999:894 718:866 756:846 311:402 714:390 267:304 247:218 "
    "407:117 125:93 766:61 752:56 727:46"
)
"""Citizenships that residents of any origin carry: unlisted, invalid and collapsed codes."""

STRAY_SHARE, MIGRANT_SHARE = 0.0068, 0.045
"""Arrivals with a stray citizenship, and with the citizenship of another origin than their residence."""

# Group: month of its peak, height of the peak over the mean, growth of its share a year.
SEASONS = {
    "E": (8, 0.12, 0.00),
    "N": (8, 0.05, 0.02),
    "A": (7, 0.15, 0.09),
    "S": (6, 0.15, 0.04),
    "L": (1, 0.12, -0.05),
    "C": (7, 0.12, 0.00),
    "P": (12, 0.10, 0.01),
    "R": (7, 0.05, 0.02),
}
# New students relative to April, from January to December.
STUDENTS = (2.4, 1.0, 1.1, 1.0, 0.9, 1.0, 1.1, 4.2, 1.9, 0.9, 0.8, 1.0)

# Port of entry by lane, in thousandths.
PORTS = {
    "E": (
        "NYC:223.2 MIA:91.6 NEW:79.1 LOS:74.8 ORL:64 SFR:50.2 CHI:46.9 ATL:38.9 LVG:38.7 WAS:30.6 BOS:26.8 "
        "HOU:21 DUB:20.3 FTL:18.1 SEA:15.3 PHI:14.5 DAL:14.3 DET:13.2 TAM:11.8 PHO:10.7"
    ),
    "N": (
        "HHW:246.4 AGA:199.8 LOS:98.9 NYC:73.7 SFR:55.5 CHI:39.3 SAI:34 SEA:20.1 DAL:19.8 HOU:15.7 DET:15.6 "
        "LVG:15.3 WAS:14.2 ORL:13.7 ATL:12.8 PHO:12.2 FTL:10.9 MIA:9.7 NEW:9.4 BOS:8.9"
    ),
    "A": (
        "LOS:196.1 NYC:127.9 SFR:119.4 CHI:70.5 SEA:38.5 HHW:37.8 SAI:37.8 NEW:37.5 DAL:24.9 HOU:23.8 "
        "FTL:22.3 BOS:22.2 DET:21.9 WAS:21.4 LVG:20.7 ORL:20.7 AGA:16.9 MIA:16.8 ATL:12.4 TOR:11.4"
    ),
    "S": (
        "NYC:218.3 LOS:77.7 CHI:73.5 MAA:68.3 SFR:64.9 NEW:59.5 WAS:50.8 HOU:48.4 MIA:45 BOS:39.3 DAL:29.9 "
        "ATL:27.2 SEA:23.9 ORL:21.7 PHO:16.9 FTL:15.6 LVG:14.4 DET:10.6 TOR:10.5 PHI:9.7"
    ),
    "L": (
        "MIA:277.9 NYC:111.5 LOS:82.3 ORL:78.2 HOU:65.4 FTL:58.2 DAL:40.4 ATL:39.7 LVG:38 CHI:27.2 SFR:17.5 "
        "NEW:17 PHO:16.5 WAS:15 SNA:9.9 PSP:7.9 BOS:6 TAM:5.8 OGG:5.7 DET:5.6"
    ),
    "C": (
        "MIA:231.1 NYC:178.4 FTL:171.1 NAS:87.1 HAM:38.1 HOU:36.7 ATL:36 ORL:31.5 SAJ:18.3 NEW:16.7 LOS:12.1 "
        "YGF:10.6 CHI:10 PHO:10 LVG:9.5 BOS:9.1 CLT:8.2 TAM:7.2 DAL:6.7 FMY:6.6"
    ),
    "P": (
        "LOS:417.5 HHW:180.6 SFR:81.2 DAL:44.6 NYC:33.8 HOU:29.9 VCV:21.5 MIA:20.8 FTL:15.9 TOR:15.9 ORL:13.5 "
        "CHI:12.4 PHO:9.8 LVG:8.7 ATL:7.3 NEW:7 CLG:6.1 FMY:5.6 PSP:5.6 MAA:5.5"
    ),
    "R": (
        "NYC:229.2 MIA:129.6 LOS:76.8 WAS:75.2 CHI:55 SFR:34.9 HOU:31.1 NEW:29.3 ATL:27.5 ORL:24 BOS:23.9 "
        "LVG:21.8 FTL:19.9 DAL:19 MAA:15.7 SAJ:15.3 NCA:14.5 SEA:14.4 PHI:11.4 PHO:10.2"
    ),
    "sea": (
        "HHW:145.1 MIA:94.2 X96:90.3 NOL:89.8 WPB:76.4 XXX:63.5 STT:56.4 HOU:46.5 NOR:37.8 FTL:36.2 PEV:33.4 "
        "YHC:29.3 LNB:19.7 NYC:18.8 SNA:17.3 SDP:14.8 KOA:11.4 LVG:10.4 LOS:10.2 ORL:9.4 SEA:8.8 CHI:8.7"
    ),
    "land": (
        "BLA:163 NIA:91.5 CHM:68.2 PBB:60.5 DET:45.8 SYS:42 LEW:36.4 OTM:27.6 HIG:23.5 PHU:23.1 ORL:17.4 "
        "FTL:16.5 NYC:15.8 PHO:15 THO:14.8 LOS:13.2 DER:12.7 MIA:12.5 LVG:12.3 PEM:12.3 BUF:11.7 ANZ:10.2"
    ),
    "unreported": (
        "HHW:353.2 XXX:127.6 SDP:89.7 CHM:61.9 MIA:30.7 PEV:22.8 LNB:21.7 BLA:21.1 KOA:20 BUF:19.9 SAI:17.8 "
        "DET:15.8 PHU:12.7 LVG:9.3 FTL:9.1 LOS:8.4 NYC:7.7 SYS:7.5 WPB:6.9 NOL:6.7 SFR:6.4 AXB:6"
    ),
    "missing": "XXX:908 SFR:13 NYC:13 HHW:8 MIA:8",
}
# What these leave out: the mid-sized airports that all groups share.
OTHER_PORTS = (
    "DEN:70.5 SPM:65.4 FMY:61.1 CLT:59.8 TOR:52.5 PSP:46.4 SFB:39.9 VCV:39.1 SDP:37.2 HHW:36.1 OGG:35.7 WPB:26.6 "
    "TAM:26.1 SAJ:23.8 MON:23.6 SLC:19.9 POO:19.6 PHI:19 SEA:17.9 SNJ:17.6 NCA:16.6 NAS:15.1 SRQ:14.8 OAK:13.8 "
    "KOA:13.7 BAL:13.4 PHO:12.2 AUS:11.9 SHA:11.8 CLG:9.5 LIH:8.7 SAC:8.5 RDU:8.2 NOL:7.6 CIN:6.7 SAA:6.1 WAS:4.7 "
    "HAM:4.7 DET:4.3 MAA:4 OPF:3.6 NSV:3.6 ONT:3.1 SPE:2.8 AGA:2.7 OTT:2.6 EDA:2.6 YGF:2.5"
)

# Carrier by lane, in thousandths by air.
AIRLINES = {
    "E": (
        "BA:145.4 AA:95.5 VS:94 DL:93.1 LH:87.6 UA:74.4 AF:61.8 SK:32.9 KL:30.8 DY:30.1 LX:26.2 AB:19.2 "
        "IB:18.7 EI:18.5 AZ:12.5"
    ),
    "N": (
        "JL:173.6 KE:150.1 DL:131.5 UA:131.2 NH:95.5 OZ:70.9 HA:51.5 7C:50.3 AA:32.3 LJ:22.6 CI:19.1 TW:15.6 "
        "NQ:10.5 BX:7 SQ:6.6"
    ),
    "A": (
        "UA:133.9 MU:97.7 CA:88.3 CX:88.2 DL:75.5 BR:70 AA:66.7 CZ:44.4 KE:41.6 HU:41 CI:34.4 PR:30.7 OZ:27.2 "
        "3U:25.8 SQ:24.1"
    ),
    "S": (
        "EK:176.6 QR:94.1 EY:89.6 TK:75.8 BA:67 UA:64.3 LY:58.5 LH:49.6 AI:44.9 DL:44.7 AA:30.7 SV:26 AF:21.1 "
        "CX:14.1 KU:10.6"
    ),
    "L": (
        "AA:187.6 UA:92.7 AM:87.4 CM:71.3 JJ:70.2 AV:69.5 DL:68.1 LA:63.4 Y4:54.2 4O:32.9 AR:27.7 B6:26.8 "
        "S3:19.7 AD:16.5 NK:16.3"
    ),
    "C": (
        "AA:267.2 B6:240.4 DL:103.6 BW:77.3 NK:73.1 UP:58.3 UA:46.5 AV:21.2 YX:19 WN:8.3 ARU:8.3 CM:7.3 "
        "SWQ:6.3 KX:6.2 7I:6.1"
    ),
    "P": (
        "QF:320.9 NZ:128.8 VA:90.5 JQ:81 HA:78.2 UA:71.5 AA:50 DL:31 CX:14.6 WS:9.4 AC:9 BA:8.3 RV:8.2 EK:6.9 FJ:6.7"
    ),
    "R": (
        "AA:98.7 LH:73 DL:68.9 QR:63.2 EK:53.2 AF:45.6 UA:45.2 TK:38.4 BA:36.4 DY:26.6 KL:24.4 B6:23.5 "
        "SU:21.9 KX:19.8 EY:19.6"
    ),
    "sea": "VES:18291 _:8037 UA:10",
    "land": "_:66651 3U:5 2V:2",
    "unreported": "_:8310 3U:172 VES:38 PHM:9",
    "missing": "_:1",
}
OTHER_AIRLINES = (
    "SU:44.7 MT:39.7 EK:32.3 FI:31.8 OS:29.1 TOM:23.2 AC:22.9 TK:22.1 RV:20 AY:19.4 UX:17.8 YV:17.2 SN:17.1 "
    "4M:15.6 SQ:15.4 TP:15 B6:15 WK:14.4 LO:13.7 YX:13.7 NZ:12.9 NH:12.8 XL:12.7 AM:12.5 9V:12.5 DE:12.5 SE:12.2 "
    "WS:10.7 QR:10.5 2D:10.4 CX:10.3 CM:10.3 QK:10.1 EQ:10.1 TN:10 JL:9.8 RS:9.7 VS:9.2 CP:8.9 ARU:8.6 AS:8.5 "
    "LX:8.4 AZ:8.3 EV:8.1 KE:8 BW:8 HA:7.9 SA:7.9 OR:7.8 MQ:7.6 7I:7.3 LA:7.3 IB:7.1 WN:7.1 CZ:6.8 NK:6.5 AV:6.4 "
    "KL:6.4 BA:6 MS:5.7 ET:5.6 PS:5.6 EY:5.5 ZX:5.3 LH:5.3 AT:5.1 9E:5 MU:4.8 TB:4.7 RJ:4.6"
)
# Of what a lane by air leaves: share of the smallest ports, and of general aviation.
TRACE_SHARE = 0.02

# Chance that the address is in the state of the port.
SAME_ELSEWHERE = 0.2
SAME_STATE = (
    "FL:0.71 CA:0.67 NY:0.69 TX:0.47 HI:0.78 NJ:0.18 IL:0.41 GA:0.28 NV:0.54 GU:0.98 DC:0.23 WA:0.52 MA:0.63 "
    "AZ:0.15 MI:0.35 PA:0.25 NC:0.28 CO:0.33 MN:0.18 PR:0.68 UT:0.28 OR:0.44 LA:0.12 MD:0.43 OH:0.27 VT:0.15"
)
# The address where it is not in the state of the port, junk and missing values included.
ELSEWHERE = (
    "NY:149.53 FL:116.21 _:113 CA:94.55 NV:49.17 NJ:38.84 TX:33.3 HI:30.7 MA:25.42 VA:23.24 IL:21.65 NE:19.67 "
    "WA:18.12 MD:17.68 PA:17.67 LA:16.37 GA:13.92 NC:13.45 MI:13.39 OH:12.83 GU:11.04 AZ:10.43 CT:10.35 TN:8.94 "
    "DC:8.43 IN:8.34 OR:7.63 CO:7.3 SC:7.24 MO:6.25 AL:6.06 MN:5.97 WI:5.82 US:5.5 UT:4.52 KY:4.28 MP:3.34 "
    "VQ:3.33 IA:2.51 PR:2.43 OK:2.4 KS:2.38 RI:2.38 DE:2.3 AR:2.13 NH:2.08 ME:1.59 NM:1.47 MS:1.31 ID:1.28 "
    "UN:1.13 AK:1.07 VT:0.8 ND:0.68 MT:0.66 TE:0.61 WV:0.6 HA:0.53 GQ:0.53 GE:0.5 SD:0.41 WY:0.34 XX:0.3 TR:0.25 "
    "LO:0.23 NB:0.22 RQ:0.19 VI:0.17 SO:0.14 JF:0.13 TT:0.11 PE:0.1 NO:0.1 HN:0.09 AA:0.09 BO:0.08 SA:0.07 "
    "AN:0.07 NA:0.07 NU:0.06 DF:0.05 CH:0.05 HO:0.05 YQ:0.04 MC:0.04 99:0.04 DI:0.04 KA:0.03 BC:0.03 SF:0.03 "
    "KE:0.03 NW:0.03 AT:0.03 IT:0.03 BQ:0.03 BR:0.03 DA:0.02 ON:0.02 AU:0.02 CL:0.02 ..:0.02 NS:0.02 PH:0.02 "
    "JQ:0.02 0:0.02 TO:0.02 RH:0.02 IO:0.02 KI:0.02 SE:0.02 CQ:0.02 TA:0.02 BE:0.02 VE:0.02 MX:0.02 BA:0.02 "
    "JA:0.02 F:0.01 BS:0.01 FO:0.01 ST:0.01 N:0.01 .C:0.01 AE:0.01 EQ:0.01 WE:0.01 CN:0.01 AP:0.01 ZU:0.01 "
    "SJ:0.01"
)

WAIVER, VISA, GUAM, SAIPAN = range(4)
# Class of admission of waiver countries, of the others, and of the two islands with programmes of their own.
VISATYPES = (
    "WT:767.5 WB:167.1 B2:30.7 B1:13.4 E2:10.2 F1:6.9 E1:1.9 I:1.4 F2:0.4 M1:0.3 I1:0.1 M2:0.01",
    "B2:797.2 B1:142.1 WT:29.8 F1:20.6 WB:5 CP:3 E2:1.84 F2:1.7 I:0.65 M1:0.6 E1:0.45 "
    "I1:0.05 M2:0.02 CPL:0.01 SBP:0.01",
    "GMT:974 GMB:1.7 B2:16 B1:5 F1:3.3",
    "CP:935 B2:55 B1:10",
)
PURPOSE: Mapping[str, int] = {
    **dict.fromkeys(("WB", "B1", "E2", "E1", "I", "I1", "GMB"), 1),
    **dict.fromkeys(("WT", "B2", "GMT", "CP", "SBP", "CPL"), 2),
    **dict.fromkeys(("F1", "F2", "M1", "M2"), 3),
}
"""The visa code (business, pleasure, student) that each class of admission implies."""

WITHOUT_VISA = ("WT", "WB", "GMT", "GMB")
"""Classes of admission that need no visa, so that no post issued one."""

ISLAND_PROGRAMMES = ("GMT", "GMB", "CP", "CPL")
"""Classes whose rows nearly always carry an INS number."""

_HALF_YEAR = "182:934 183:25 181:18 179:8 177:3 29:3 175:3 174:3 178:3"
_VISITOR = "89:954 90:30 88:6 82:3 83:2 86:2 79:2 29:1"
_STATUS = "D/S:996 29:2 _:2"
ADMISSIONS = {
    "WT": _VISITOR,
    "WB": _VISITOR,
    "B1": _HALF_YEAR,
    "B2": _HALF_YEAR,
    "GMT": "44:825 45:158 43:17",
    "GMB": "44:1",
    "CP": "11:400 10:280 12:250 13:50 _:20",
    "CPL": "230:1",
    "SBP": "2:1",
    "E1": "729:1",
    "E2": "729:980 182:20",
    "M1": "364:950 182:50",
    "M2": "364:1",
    "F1": _STATUS,
    "F2": _STATUS,
    "I": _STATUS,
    "I1": "D/S:810 1176:190",
}

_LEVELS = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1)
STAY_KINDS = ("waiver", "visa", "student", "island")
"""Kinds of stays, numbering `STAYS` and `NOT_LEFT`."""

STAYS = Quantiles(
    _LEVELS,
    (
        (1, 1, 2, 3, 4, 5, 6, 7, 8, 10.5, 14, 18, 24, 42, 67, 109, 171),
        (1, 1, 1, 3, 4, 6, 7, 9, 12, 15, 22, 45, 84, 121, 139, 161, 171),
        (1, 2, 6, 13, 26, 39, 49, 57, 65, 74, 87, 115, 134, 149, 155, 167, 170),
        (1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 8, 31, 90),
    ),
)
"""Days from arrival to departure."""

NOT_LEFT = np.array([0.0228, 0.0612, 0.3011, 0.1025])
"""Share of each kind of stay without a departure when the file was cut."""

BACKWARD_SHARE = 0.00012
"""Share of departures before the arrival."""

AGES = Quantiles(
    _LEVELS,
    (
        (0, 21, 27, 29, 33, 36, 39, 42, 45, 48, 52, 57, 61, 66, 69, 81, 100),
        (0, 2, 9, 17, 27, 31, 36, 41, 47, 53, 59, 66, 71, 77, 80, 89, 102),
        (0, 7, 16, 17, 19, 21, 22, 24, 25, 27, 29, 33, 38, 46, 51, 66, 78),
    ),
)
"""Age by visa code, counted from 0."""

NO_AGE_SHARE = 0.00026
"""Share of arrivals without age and year of birth."""

GENDERS = Choices.parse(
    "M:595 F:176 _:228.5 X:0.4 U:0.1", "F:470 M:411 _:118.4 X:0.5 U:0.15", "M:515 F:469 _:15.2 X:0.6 U:0.2"
)
"""Gender by visa code, counted from 0."""

FILED_LATER_SHARE = 0.0584
"""Share of records that were added to the file after the day of arrival."""

FILED_LATER = Quantiles((0, 0.31, 0.4, 0.5, 0.75, 0.9, 0.95, 1), ((1, 1, 25, 61, 69, 73, 94, 150),))
"""Days after the arrival for those."""

_ARRIVED_BY_AIR = "G:2381890 O:413057 A:90958 T:60755 K:17076 H:14159 P:13750 U:2265 B:401 N:165 M:27 F:3"
ARRIVAL_FLAGS = Choices.parse(
    *[_ARRIVED_BY_AIR] * len(GROUPS),
    "G:17692 A:7944 T:318 H:182 U:103 P:76 N:34",
    "Z:64864 A:1762 P:27 N:7",
    "A:7896 P:544 T:71 N:46 U:3",
    "_:1",
)
"""Arrival flag by lane."""

DEPARTURE_FLAGS = Choices.parse(
    "O:2513632 I:99846 D:96408 N:76192 K:70624 Q:52729 R:41879 J:1758 V:726 L:44 M:13 W:5", "_:138429 W:3882 D:110 V:36"
)
"""Departure flag of those who left, and of those who have not been seen to."""

UPDATE_FLAGS = Choices.parse("_:999874 U:126")
"""Update flag."""

OCCUPATIONS = Choices.parse(
    "_:2990 EXA:0.2 MKT:0.3 OTH:0.6 NRR:0.35 GLS:0.2 ULS:0.2 ADM:0.1 MVC:0.1 CEO:0.06 RET:0.05",
    "_:893 STU:88 OTH:9 TIE:3 TIP:2 ULS:3 CMP:1 UNP:1",
    "STU:940 OTH:30 CMP:14 _:16",
)
"""Occupation of most, of academic students (F1) and of vocational ones (M1)."""

INS_NUMBER_SHARES = np.array([0.0064, 0.912])
"""Share with an INS number: of most, and of the island programmes."""

ADMISSION_NUMBERS = Choices.parse("0:970 3:14 4:2 2:13", "1:893 2:56 3:38 0:10 4:2.9 5:0.1")
"""Range of the admission number: without a visa, and with one."""

ADMISSION_RANGES = np.array(
    [[55.4e9, 60.3e9], [92.4e9, 95.1e9], [41.9e9, 49.9e9], [7.1e8, 8.6e8], [2.9e9, 3.8e9], [1.2e6, 2.8e6]]
)
"""Lowest and highest number of each range."""

REUSED_NUMBER_SHARE = 0.0065
"""Share of rows that carry the admission number of the row before."""

VISA_POST_MISSING, VISA_POST_ABROAD = 0.14, 0.22
"""Of the visas: share without a post, and issued at the post of another origin."""

FLIGHTS = Choices.of({str(number): (number + 1) ** -0.8 for number in range(90)})
"""Which of a carrier's flights: a few bring most."""

FLIGHT_NUMBERS = Quantiles((0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1), ((1, 19, 101, 405, 903, 2546, 7005, 9999),))
"""The numbers that carriers give to flights."""

UNPADDED_SHARE = 0.024
"""Flight numbers by air without their leading zeros."""

NO_AIRLINE_SHARE = 0.00013
"""Arrivals by air without a carrier."""

MANAD_SHARE, LAND_SHARE, NO_LAND_FLIGHT_SHARE = 0.303, 0.664, 0.027
"""Flight numbers that are none: MANAD on vessels, LAND and nothing at land borders."""

WEEKDAYS = np.array([99134, 87821, 93533, 108436, 113088, 112827, 102761])
"""Arrivals a day, Monday first."""
