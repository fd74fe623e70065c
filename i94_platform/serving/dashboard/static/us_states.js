// The states of the map: their codes in the outlines (FIPS), and their people in the census of 2010 (US Census Bureau).

const ROWS = `
AL 01 4779736|AK 02 710231|AZ 04 6392017|AR 05 2915918|CA 06 37253956|CO 08 5029196|CT 09 3574097|DE 10 897934
DC 11 601723|FL 12 18801310|GA 13 9687653|HI 15 1360301|ID 16 1567582|IL 17 12830632|IN 18 6483802|IA 19 3046355
KS 20 2853118|KY 21 4339367|LA 22 4533372|ME 23 1328361|MD 24 5773552|MA 25 6547629|MI 26 9883640|MN 27 5303925
MS 28 2967297|MO 29 5988927|MT 30 989415|NE 31 1826341|NV 32 2700551|NH 33 1316470|NJ 34 8791894|NM 35 2059179
NY 36 19378102|NC 37 9535483|ND 38 672591|OH 39 11536504|OK 40 3751351|OR 41 3831074|PA 42 12702379|RI 44 1052567
SC 45 4625364|SD 46 814180|TN 47 6346105|TX 48 25145561|UT 49 2763885|VT 50 625741|VA 51 8001024|WA 53 6724540
WV 54 1852994|WI 55 5686986|WY 56 563626|AS 60 55519|GU 66 159358|MP 69 53883|PR 72 3725789|VI 78 106405`;

const STATES = new Map(
  ROWS.trim().split(/[|\n]/).map((row) => row.split(" ")).map(([code, fips, people]) => [code, { fips, people: Number(people) }]),
);

/** The territories that the projection of the map has no place for. */
export const TERRITORIES = ["PR", "VI", "GU", "MP", "AS"];

/** The code of a state in the outlines; undefined for what is no state. */
export const fipsOf = (code) => STATES.get(code)?.fips;

/** The people of a state in the census of 2010; undefined for what is no state. */
export const peopleOf = (code) => STATES.get(code)?.people;
