"""Redshift's functions, by AWS's list (docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions.html).

Those that run on the leader node alone are left out, since they fail over tables: `now`, `age`, `string_agg`,
`generate_series`.
"""

from __future__ import annotations

import re

_AGGREGATES = """
any_value avg bit_and bit_or bool_and bool_or count listagg max median min percentile_cont percentile_disc stddev
stddev_pop stddev_samp sum var_pop var_samp variance
"""
_WINDOWS = (
    "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank ratio_to_report row_number"
)
_CONDITIONS = "coalesce decode greatest least nullif nvl nvl2"
_CONVERSIONS = "cast convert text_to_int_alt text_to_numeric_alt to_char to_date to_number to_timestamp try_cast"
_DATES = """
add_months convert_timezone current_date date_cmp date_part date_part_year date_trunc dateadd datediff extract getdate
last_day months_between next_day sysdate timeofday timezone trunc
"""
_HASHES = "checksum farmhash64 fnv_hash md5 murmur3_32_hash sha sha1 sha2"
_MATHS = """
abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees dexp dlog1 dlog10 exp floor ln log mod pi power radians
random round sign sin sqrt tan
"""
_TEXTS = """
ascii btrim char_length character_length charindex chr collate concat crc32 difference initcap left len length lower
lpad ltrim octet_length octetindex position quote_ident quote_literal regexp_count regexp_instr regexp_replace
regexp_substr repeat replace replicate reverse right rpad rtrim soundex split_part strpos strtol substr substring
textlen translate trim upper
"""
_SYSTEM = """
current_database current_schema current_user current_user_id has_database_privilege has_schema_privilege
has_table_privilege pg_backend_pid pg_cancel_backend pg_get_cols pg_last_copy_count pg_last_copy_id pg_last_query_id
role_is_member_of session_user user user_is_member_of version
"""
_JSON = "can_json_parse is_valid_json json_array_length json_extract_path_text json_parse json_serialize"
_ARRAYS = "array array_concat array_flatten get_array_length split_to_array subarray"

FUNCTIONS = frozenset(
    " ".join(
        (_AGGREGATES, _WINDOWS, _CONDITIONS, _CONVERSIONS, _DATES, _HASHES, _MATHS, _TEXTS, _SYSTEM, _JSON, _ARRAYS)
    ).split()
)
OWN_FUNCTIONS = frozenset({"pg_sleep"})
"""For tests that need a slow statement; Redshift has none."""

_WORDS = """
    all and any as between bpchar by case char character check cross cube decimal delete distinct else end except exists
    float from full group having in inner intersect interval into is join key left like limit lateral not null numeric
    nvarchar on or order outer over partition precision recursive right rollup select set sets similar some then time
    timestamp union unique using values varchar varying when where with within
    """
_WORDS_BEFORE_PARENTHESES = frozenset(_WORDS.split())
_CALL = re.compile(r"(?<![\w.\x02\"])([a-z_]\w*) ?\(", re.IGNORECASE)
_NAMED_COLUMNS = re.compile(
    r"\b(?:INTO|AS|WITH|RECURSIVE|VIEW|TABLE|JOIN|REFERENCES) [\w.\x01\x02]+ ?\(", re.IGNORECASE
)
"""A name with a list of columns: of a table, an alias or a query of WITH."""


def find_unknown_functions(masked: str) -> list[str]:
    """The functions that a statement calls and Redshift does not have; `masked` holds no texts."""
    calls = {name.lower() for name in _CALL.findall(_NAMED_COLUMNS.sub(" ", masked))}
    return sorted(calls - FUNCTIONS - OWN_FUNCTIONS - _WORDS_BEFORE_PARENTHESES)
