"""The countries that the synthetic reference files speak of, and names for their invented cities.

Here: country names as the temperature file spells them, with a rough middle, and a maker of names. Not here: what is
said of the cities (`reference`), and the countries of the arrivals (`shares`, the code lists).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Country(NamedTuple):
    """A country: its name, ISO 3166 alpha-2 code, continent, middle in degrees north and east, and weight in cities."""

    name: str
    iso2: str
    continent: str
    latitude: float
    longitude: float
    weight: int


# name|ISO code|continent|degrees north|degrees east|weight
_COUNTRIES = """
Afghanistan|AF|AS|34|67|1
Albania|AL|EU|41|20|1
Algeria|DZ|AF|35|3|1
Angola|AO|AF|-10|16|1
Argentina|AR|SA|-34|-64|3
Armenia|AM|AS|40|45|1
Australia|AU|OC|-32|146|3
Austria|AT|EU|47|14|2
Azerbaijan|AZ|AS|40|48|1
Bahamas|BS|NA|25|-77|1
Bahrain|BH|AS|26|50|1
Bangladesh|BD|AS|24|90|1
Belgium|BE|EU|51|4|2
Bolivia|BO|SA|-17|-65|1
Bosnia And Herzegovina|BA|EU|44|18|1
Botswana|BW|AF|-23|24|1
Brazil|BR|SA|-18|-46|4
Bulgaria|BG|EU|43|25|1
Burma|MM|AS|20|96|1
Cambodia|KH|AS|12|105|1
Cameroon|CM|AF|5|12|1
Canada|CA|NA|48|-90|4
Chile|CL|SA|-34|-71|2
China|CN|AS|33|112|4
Colombia|CO|SA|5|-74|3
Congo|CG|AF|-2|15|1
Congo (Democratic Republic Of The)|CD|AF|-4|22|1
Costa Rica|CR|NA|10|-84|1
Croatia|HR|EU|45|16|1
Cuba|CU|NA|22|-79|1
Cyprus|CY|AS|35|33|1
Czech Republic|CZ|EU|50|15|2
Côte D'Ivoire|CI|AF|7|-6|1
Denmark|DK|EU|56|10|2
Dominican Republic|DO|NA|19|-70|2
Ecuador|EC|SA|-2|-79|2
Egypt|EG|AF|28|31|2
El Salvador|SV|NA|14|-89|1
Estonia|EE|EU|59|26|1
Ethiopia|ET|AF|9|39|1
Finland|FI|EU|62|25|2
France|FR|EU|47|2|4
Georgia|GE|AS|42|44|1
Germany|DE|EU|51|10|4
Ghana|GH|AF|7|-1|1
Greece|GR|EU|39|23|2
Guatemala|GT|NA|15|-90|1
Guinea Bissau|GW|AF|12|-15|1
Guyana|GY|SA|6|-58|1
Haiti|HT|NA|19|-72|1
Honduras|HN|NA|15|-87|1
Hong Kong|HK|AS|22|114|1
Hungary|HU|EU|47|19|1
Iceland|IS|EU|64|-20|1
India|IN|AS|22|78|4
Indonesia|ID|AS|-4|112|2
Iran|IR|AS|33|53|1
Iraq|IQ|AS|33|44|1
Ireland|IE|EU|53|-8|2
Israel|IL|AS|32|35|2
Italy|IT|EU|43|12|4
Jamaica|JM|NA|18|-77|1
Japan|JP|AS|36|138|4
Jordan|JO|AS|31|36|1
Kazakhstan|KZ|AS|48|68|1
Kenya|KE|AF|0|37|1
Kuwait|KW|AS|29|48|1
Latvia|LV|EU|57|25|1
Lebanon|LB|AS|34|36|1
Lithuania|LT|EU|55|24|1
Macedonia|MK|EU|42|21|1
Malaysia|MY|AS|4|103|2
Mexico|MX|NA|22|-102|4
Morocco|MA|AF|32|-6|1
Namibia|NA|AF|-22|17|1
Netherlands|NL|EU|52|5|3
New Zealand|NZ|OC|-41|174|2
Nicaragua|NI|NA|12|-86|1
Nigeria|NG|AF|9|8|2
Norway|NO|EU|61|9|2
Oman|OM|AS|22|57|1
Pakistan|PK|AS|30|70|2
Panama|PA|NA|9|-80|1
Paraguay|PY|SA|-24|-57|1
Peru|PE|SA|-11|-76|2
Philippines|PH|AS|13|122|2
Poland|PL|EU|52|19|2
Portugal|PT|EU|40|-8|2
Puerto Rico|PR|NA|18|-66|1
Qatar|QA|AS|25|51|1
Romania|RO|EU|45|25|1
Russia|RU|EU|56|42|3
Saudi Arabia|SA|AS|24|45|2
Senegal|SN|AF|14|-15|1
Serbia|RS|EU|44|21|1
Singapore|SG|AS|1|104|1
Slovakia|SK|EU|48|19|1
Slovenia|SI|EU|46|15|1
South Africa|ZA|AF|-28|26|2
South Korea|KR|AS|36|128|4
Spain|ES|EU|40|-4|3
Sri Lanka|LK|AS|7|81|1
Swaziland|SZ|AF|-27|31|1
Sweden|SE|EU|60|16|3
Switzerland|CH|EU|47|8|2
Taiwan|TW|AS|24|121|2
Tanzania|TZ|AF|-6|35|1
Thailand|TH|AS|15|101|2
Trinidad And Tobago|TT|NA|10|-61|1
Turkey|TR|AS|39|33|2
Ukraine|UA|EU|49|32|2
United Arab Emirates|AE|AS|24|54|1
United Kingdom|GB|EU|53|-2|4
United States|US|NA|38|-95|4
Uruguay|UY|SA|-33|-56|1
Venezuela|VE|SA|9|-67|2
Vietnam|VN|AS|15|107|2
Zambia|ZM|AF|-13|28|1
Zimbabwe|ZW|AF|-19|30|1
"""

COUNTRIES: tuple[Country, ...] = tuple(
    Country(name, iso2, continent, float(latitude), float(longitude), int(weight))
    for name, iso2, continent, latitude, longitude, weight in (
        line.split("|") for line in _COUNTRIES.strip().splitlines()
    )
)
"""Countries with temperatures and airports."""

_STARTS = (
    "Alder", "Bracken", "Corran", "Dunmar", "Elmen", "Farrow", "Galdern", "Hollis", "Ister", "Junip", "Kestrel",
    "Larch", "Maren", "Nettle", "Orrin", "Pellan", "Quarrel", "Rowen", "Sorrel", "Tamar", "Umber", "Velmo", "Willow",
    "Yarrow",
)  # fmt: skip
_ENDS = ("bury", "dale", "ficó", "ford", "gate", "haven", "mere", "nau", "port", "ria", "stad", "ton", "vale", "wick")


def city_names(rng: np.random.Generator, n: int) -> list[str]:
    """`n` different invented names, some beyond ASCII; there are 336, which then come back with a number."""
    every = [start + end for start in _STARTS for end in _ENDS]
    order = rng.permutation(len(every))
    rounds = range(1, 2 + (n - 1) // len(every))
    names = [every[place] if turn == 1 else f"{every[place]} {turn}" for turn in rounds for place in order]
    return names[:n]
