//! Messages made here, stream by stream.

use crate::limits::Limits;
use crate::made;
use crate::parse::parse;

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The stream of short properties, behind a head of so many bytes.
fn properties(head: usize, entries: &[(u16, u16, u64)]) -> Vec<u8> {
    let entry = |(kind, property, value): &(u16, u16, u64)| {
        [&kind.to_le_bytes()[..], &property.to_le_bytes(), &[0; 4], &value.to_le_bytes()].concat()
    };
    let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
    [vec![0; head], entries].concat()
}

pub(crate) fn msg() -> Vec<u8> {
    let time = (1_551_690_000 + 11_644_473_600_u64) * 10_000_000;
    made::ole(&[
        ("/__properties_version1.0", properties(32, &[(0x40, 0x39, time), (0x3, 0x3ffd, 1252)])),
        ("/__substg1.0_0037001F", utf16("The mill")),
        ("/__substg1.0_0C1A001E", b"Anne Roch\xe9".to_vec()),
        ("/__substg1.0_5D01001F", utf16("anne@example.org")),
        ("/__substg1.0_1000001F", utf16("Water flows.\r\n\r\nStill.")),
        ("/__recip_version1.0_#00000000/__properties_version1.0", properties(8, &[(0x3, 0x0c15, 1)])),
        ("/__recip_version1.0_#00000000/__substg1.0_3001001F", utf16("B. Vidal")),
        ("/__recip_version1.0_#00000001/__properties_version1.0", properties(8, &[(0x3, 0x0c15, 3)])),
        ("/__recip_version1.0_#00000001/__substg1.0_3001001F", utf16("Secret")),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", utf16("table.csv")),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", b"a,b\n1,2\n".to_vec()),
        ("/__attach_version1.0_#00000001/__substg1.0_3001001F", utf16("Inner")),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__properties_version1.0", properties(24, &[])),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_0037001F", utf16("Older")),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_1000001F", utf16("Stones.")),
    ])
}

#[test]
fn properties_recipients_and_attachments_are_read() {
    let document = parse(&msg(), Some("a.msg"), &Limits::default()).unwrap();
    let found: Vec<(&str, &str)> =
        document.blocks.iter().map(|block| (block.kind.as_str(), block.text.as_str())).collect();
    assert_eq!(
        found,
        [
            ("heading", "The mill"),
            ("paragraph", "From: Anne Roché <anne@example.org>"),
            ("paragraph", "To: B. Vidal"),
            ("paragraph", "Date: 2019-03-04T09:00:00Z"),
            ("paragraph", "Water flows."),
            ("paragraph", "Still."),
            ("heading", "table.csv"),
            ("table", "a | b\n1 | 2"),
            ("heading", "Inner"),
            ("heading", "Older"),
            ("paragraph", "Stones."),
        ]
    );
    assert_eq!(document.title.as_deref(), Some("The mill"));
}
