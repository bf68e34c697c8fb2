//! Archives: both ways, in memory and as a stream; each refusal; and GNU tar as judge.
#![cfg(test)]

use std::process::{Command, Stdio};

use hafan_ustar::stream::{self, StreamReadError, StreamWriteError};
use hafan_ustar::{
    NameError, ReadError, SIZE_BYTES_MAX, WriteError, Writer, archive_size_bytes, check_name,
    members,
};
use proptest::collection::vec;
use proptest::prelude::*;

type Members = Vec<(String, Vec<u8>)>;

fn written(from: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new();
    for (name, data) in from {
        writer.append(name, data).unwrap();
    }
    writer.finish()
}

fn streamed(from: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = stream::Writer::new(Vec::new());
    for (name, data) in from {
        writer
            .append(name, u64::try_from(data.len()).unwrap(), data.as_slice())
            .unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Members, ReadError> {
    let archive = members(bytes)?;
    assert_eq!(archive.end, bytes.len());
    Ok(archive
        .members
        .iter()
        .map(|m| (m.name.to_owned(), m.data.to_vec()))
        .collect())
}

fn read_stream(bytes: &[u8]) -> Result<Members, StreamReadError> {
    let mut reader = stream::Reader::new(bytes);
    let mut members = Vec::new();
    while let Some(header) = reader.next_member()? {
        members.push((header.name().to_owned(), reader.read_data(u64::MAX)?));
    }
    assert!(
        reader.next_member()?.is_none(),
        "an ended archive stays ended"
    );
    Ok(members)
}

fn stream_error(bytes: &[u8]) -> ReadError {
    match read_stream(bytes) {
        Err(StreamReadError::Archive(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the archive was read"),
    }
}

fn one(name: &str, data: &[u8]) -> Vec<u8> {
    written(&[(name.to_owned(), data.to_vec())])
}

/// Puts `to` at `at` of a header and makes its checksum right again.
fn patched(archive: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes[..512].iter().map(|b| u32::from(*b)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read_and_both_writers_agree(
        from in vec(("[A-Za-z0-9._][A-Za-z0-9._-]{2,40}(/[a-z0-9]{1,20}){0,2}", vec(any::<u8>(), 0..1600)), 0..5)
    ) {
        let bytes = written(&from);
        prop_assert!(bytes == streamed(&from));
        let sizes = from.iter().map(|(_, data)| u64::try_from(data.len()).unwrap());
        prop_assert_eq!(archive_size_bytes(sizes), u64::try_from(bytes.len()).unwrap());
        prop_assert!(read(&bytes).unwrap() == from);
        prop_assert!(read_stream(&bytes).unwrap() == from);
    }

    #[test]
    fn whatever_is_read_would_be_written_the_same(
        at in 0..2560_usize, to in any::<u8>(), length in 0..2560_usize
    ) {
        let mut bytes = written(&[("a".to_owned(), vec![1; 5]), ("b".to_owned(), vec![])]);
        bytes[at % 2560] = to;
        bytes.truncate(length.max(at));
        let in_memory = members(&bytes).map(|archive| {
            let found: Members =
                archive.members.iter().map(|m| (m.name.to_owned(), m.data.to_vec())).collect();
            assert!(written(&found) == bytes[..archive.end]);
        });
        prop_assert_eq!(in_memory.is_ok(), read_stream(&bytes).is_ok());
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..2048)) {
        prop_assert_eq!(members(&bytes).is_ok(), read_stream(&bytes).is_ok());
    }
}

#[test]
fn an_archive_without_members_is_two_blocks_of_zeros() {
    assert_eq!(written(&[]), [0; 1024]);
    assert_eq!(read(&[0; 1024]), Ok(vec![]));
}

#[test]
fn any_changed_byte_of_a_header_is_refused() {
    let archive = one("member", &[7; 600]);
    for at in 0..512 {
        for bit in 0..8 {
            let mut bytes = archive.clone();
            bytes[at] ^= 1 << bit;
            assert!(members(&bytes).is_err(), "byte {at}, bit {bit}");
            assert!(read_stream(&bytes).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn each_field_of_a_header_has_one_right_value() {
    let archive = one("member", b"data");
    let other: [(&str, usize, &[u8]); 19] = [
        ("mode", 100, b"0000755\0"),
        ("mode", 100, b"000644 \0"),
        ("uid", 108, b"0001000\0"),
        ("gid", 116, b"0000001\0"),
        ("size", 124, b"0000000004\0\0"),
        ("size", 124, b"00000000008\0"),
        ("size", 124, b"\x80\0\0\0\0\0\0\0\0\0\0\x04"),
        ("mtime", 136, b"00000000001\0"),
        ("typeflag", 156, b"1"),
        ("typeflag", 156, b"2"),
        ("typeflag", 156, b"5"),
        ("typeflag", 156, b"x"),
        ("linkname", 157, b"elsewhere"),
        ("magic", 257, b"ustar "),
        ("version", 263, b" \0"),
        ("uname", 265, b"root"),
        ("devmajor", 329, b"0000001\0"),
        ("prefix", 345, b"folder"),
        ("padding", 511, b"\x01"),
    ];
    for (field, from, to) in other {
        let error = members(&patched(&archive, from, to)).err();
        let Some(ReadError::Field { at, field: found }) = error else {
            panic!("{field}: {error:?}")
        };
        assert_eq!(found, field);
        assert!(at <= u64::try_from(from).unwrap());
    }
    let mut wrong_sum = archive;
    wrong_sum[150] ^= 1;
    assert_eq!(
        members(&wrong_sum).err(),
        Some(ReadError::Field {
            at: 148,
            field: "chksum"
        })
    );
}

#[test]
fn names_that_could_leave_a_folder_or_fool_a_shell_are_refused() {
    let long = "n".repeat(101);
    for (name, problem) in [
        ("", NameError::Empty),
        (long.as_str(), NameError::Long),
        ("/etc/passwd", NameError::Part),
        ("../up", NameError::Part),
        ("a/../b", NameError::Part),
        ("a/.", NameError::Part),
        ("a//b", NameError::Part),
        ("folder/", NameError::Part),
        ("-rf", NameError::Part),
        ("a b", NameError::Character),
        ("a\\b", NameError::Character),
        ("a\nb", NameError::Character),
        ("\u{e9}", NameError::Character),
    ] {
        assert_eq!(check_name(name), Err(problem), "{name:?}");
        assert_eq!(
            Writer::new().append(name, b""),
            Err(WriteError::Name(problem))
        );
        if !name.is_empty() && name.len() <= 100 {
            let mut field = [0; 100];
            field[..name.len()].copy_from_slice(name.as_bytes());
            let bytes = patched(&one("member", b"data"), 0, &field);
            assert_eq!(
                members(&bytes).err(),
                Some(ReadError::Name { at: 0, problem })
            );
        }
    }
    assert_eq!(check_name(&"n".repeat(100)), Ok(()));
    let after_nul = patched(&one("member", b"data"), 50, b"x");
    assert_eq!(
        members(&after_nul).err(),
        Some(ReadError::Field {
            at: 0,
            field: "name"
        })
    );
}

#[test]
fn a_cut_archive_is_refused_at_each_length() {
    let archive = one("member", &[7; 600]);
    for length in 0..archive.len() {
        let cut = &archive[..length];
        assert!(
            matches!(members(cut).err(), Some(ReadError::Truncated { .. })),
            "{length}"
        );
        assert!(
            matches!(stream_error(cut), ReadError::Truncated { .. }),
            "{length}"
        );
    }
}

#[test]
fn a_member_said_to_be_larger_than_the_archive_is_refused_without_room_for_it() {
    let huge = patched(&one("member", b"data"), 124, b"77777777777\0");
    assert!(matches!(
        members(&huge).err(),
        Some(ReadError::Truncated { .. })
    ));
    assert!(matches!(stream_error(&huge), ReadError::Truncated { .. }));
    let mut reader = stream::Reader::new(huge.as_slice());
    assert_eq!(
        reader.next_member().unwrap().unwrap().size(),
        SIZE_BYTES_MAX
    );
    let refused = reader.read_data(1024);
    assert!(matches!(
        refused,
        Err(StreamReadError::TooLong {
            found: SIZE_BYTES_MAX,
            max: 1024
        })
    ));
}

#[test]
fn padding_and_ends_are_zero_and_nothing_follows_in_a_stream() {
    let archive = one("member", b"data");
    let mut padding = archive.clone();
    padding[1000] = 1;
    assert_eq!(
        members(&padding).err(),
        Some(ReadError::Padding { at: 1000 })
    );
    assert_eq!(stream_error(&padding), ReadError::Padding { at: 1000 });
    let mut end = archive.clone();
    end[1536] = 1;
    assert_eq!(members(&end).err(), Some(ReadError::End { at: 1536 }));
    assert_eq!(stream_error(&end), ReadError::End { at: 1536 });
    let longer = [&archive[..], &[0]].concat();
    assert_eq!(stream_error(&longer), ReadError::Trailing { at: 2048 });
    assert_eq!(
        members(&longer).map(|archive| archive.end),
        Ok(2048),
        "the caller's to judge"
    );
}

#[test]
fn a_stream_writer_refuses_a_member_that_is_not_as_long_as_said() {
    for said in [3, 5] {
        let mut writer = stream::Writer::new(Vec::new());
        let refused = writer.append("member", said, &b"data"[..]);
        assert!(matches!(refused, Err(StreamWriteError::Size { wanted }) if wanted == said));
    }
    let mut writer = stream::Writer::new(Vec::new());
    let refused = writer.append("member", SIZE_BYTES_MAX + 1, &b""[..]);
    assert!(matches!(
        refused,
        Err(StreamWriteError::Member(WriteError::Size { .. }))
    ));
}

#[test]
fn members_that_are_not_read_are_passed_over() {
    let archive = written(&[
        ("a".to_owned(), vec![1; 70_000]),
        ("b".to_owned(), vec![2; 3]),
    ]);
    let mut reader = stream::Reader::new(archive.as_slice());
    reader.next_member().unwrap();
    assert_eq!(reader.next_member().unwrap().unwrap().name(), "b");
    assert_eq!(reader.read_data(3).unwrap(), [2; 3]);
    assert!(reader.next_member().unwrap().is_none());
    assert_eq!(reader.offset(), u64::try_from(archive.len()).unwrap());
}

#[test]
fn gnu_tar_lists_an_archive_as_it_was_written() {
    let archive = written(&[
        ("report.json".to_owned(), b"{}".to_vec()),
        ("files/01-photo.jpg".to_owned(), vec![9; 513]),
        ("n".repeat(100), vec![]),
    ]);
    let mut tar = Command::new("tar")
        .args(["-tvf", "-", "--utc"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tar.stdin.take().unwrap(), &archive).unwrap();
    let output = tar.wait_with_output().unwrap();
    assert!(output.status.success());
    let listed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let long = "n".repeat(100);
    let of = |size, name| vec!["-rw-r--r--", "0/0", size, "1970-01-01", "00:00", name];
    let wanted = [
        of("2", "report.json"),
        of("513", "files/01-photo.jpg"),
        of("0", long.as_str()),
    ];
    assert_eq!(lines, wanted);
}
