"""What a bucket does beyond `test_store`, the tests of every store."""

from __future__ import annotations

from pathlib import Path

from i94_platform.errors import TransientError
from i94_platform.lake.s3 import S3Store
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.lake.conftest import error_message


def test_a_whole_bucket_is_a_store_too(s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    store = S3Store(f"s3://{bucket}", s3_server.create_client, tmp_path)
    store.put("a/b", b"1")
    assert [file.path for file in store.list()] == [file.path for file in store.list("a")] == ["a/b"]
    assert store.uri("a/b") == f"s3://{bucket}/a/b"
    assert store.read("a/b") == b"1"


def test_folder_markers_and_objects_beside_the_prefix_are_no_files(
    s3_store: S3Store, s3_server: S3Server, bucket: str
) -> None:
    """Consoles and Hadoop leave empty objects whose names end in a slash."""
    for key in ("lake/", "lake/staged/", "lakes/x", "other"):
        s3_server.create_client().put_object(Bucket=bucket, Key=key, Body=b"")
    s3_store.put("staged/x", b"1")
    assert [file.path for file in s3_store.list()] == ["staged/x"]


def test_a_stamp_changes_with_the_content_and_a_version_is_the_etag(s3_store: S3Store) -> None:
    s3_store.put("f", b"1")
    (before,) = s3_store.list()
    s3_store.put("f", b"2")
    (after,) = s3_store.list()
    assert before.stamp != after.stamp
    # pragma: allowlist nextline secret
    assert s3_store.content_version(after) == "c81e728d9d4c2f636f067f89cc14862c", "not the MD5 of 2"


def test_two_equal_multipart_uploads_have_the_same_version(s3_store: S3Store) -> None:
    for path in ("a", "b"):
        with s3_store.create(path) as file:
            file.write(b"x" * (17 << 20))
    a, b = s3_store.list()
    assert s3_store.content_version(a) == s3_store.content_version(b)
    assert s3_store.content_version(a).endswith("-3"), "not three parts of 8 MB"


def test_a_file_that_changes_while_it_is_read_fails_and_is_no_mixture(s3_store: S3Store) -> None:
    s3_store.put("f", b"1" * 9_000_000)
    with s3_store.open("f") as file:
        file.read(10)
        s3_store.put("f", b"2" * 9_000_000)
        assert "/lake/f" in error_message(file.read, TransientError)


def test_objects_are_copied_once_and_local_files_are_not_copied(s3_store: S3Store, tmp_path: Path) -> None:
    s3_store.put("odd *[1].parquet", b"x")
    url = s3_store.uri("odd *[1].parquet")
    paths = s3_store.fetch_local_paths([url, "/data/y.parquet"])
    assert Path(paths[url]).read_bytes() == b"x"
    assert paths["/data/y.parquet"] == "/data/y.parquet"
    s3_store.delete(["odd *[1].parquet"])
    assert s3_store.fetch_local_paths([url]) == {url: paths[url]}
    s3_store.drop_local_copies()
    assert list((tmp_path / "scratch").iterdir()) == []
    assert url in error_message(lambda: s3_store.fetch_local_paths([url]), FileNotFoundError)


def test_a_folder_is_uploaded_when_it_is_complete_or_not_at_all(s3_store: S3Store) -> None:
    def write_half() -> None:
        with s3_store.write_folder(s3_store.uri("staged/run=r1")) as folder:
            (folder / "half.parquet").write_bytes(b"x")
            assert list(s3_store.list()) == [], "uploaded too early"
            raise RuntimeError

    error_message(write_half, RuntimeError)
    assert list(s3_store.list()) == []


def test_a_store_on_s3_reads_and_writes_local_addresses_too(s3_store: S3Store, tmp_path: Path) -> None:
    """Deliveries may lie in a folder while the lake is a bucket."""
    with s3_store.write_folder(str(tmp_path / "run=r1")) as folder:
        (folder / "part-0.parquet").write_bytes(b"x")
    with s3_store.open(str(tmp_path / "run=r1" / "part-0.parquet")) as file:
        assert file.read() == b"x"
    assert list(s3_store.list()) == []
