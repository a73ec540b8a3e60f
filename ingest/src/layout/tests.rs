use super::{Layout, LayoutLine, PageSize};

fn sample() -> Layout {
    Layout {
        pages: vec![PageSize { width: 612.0, height: 792.0 }],
        lines: vec![
            LayoutLine {
                page: 1,
                char_start: 0,
                char_end: 4,
                top: 10.0,
                bottom: 20.0,
                x: vec![50.0, 55.0, 60.0, 65.0, 65.0],
            },
            LayoutLine { page: 1, char_start: 4, char_end: 6, top: 22.0, bottom: 32.0, x: vec![100.0, 95.0, 90.5] },
        ],
    }
}

#[test]
fn bytes_give_the_layout_back() {
    let layout = sample();
    let bytes = layout.to_bytes();
    assert_eq!(Layout::from_bytes(&bytes), Ok(layout));
    assert!(bytes.len() < 40, "{} bytes", bytes.len());
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = sample().to_bytes();
    for length in 0..bytes.len() {
        assert!(Layout::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn boxes_follow_lines_and_direction() {
    let boxes = sample().boxes(1, 6);
    assert_eq!(boxes.len(), 2);
    assert_eq!((boxes[0].x, boxes[0].width), (55.0, 10.0));
    assert_eq!((boxes[1].x, boxes[1].width), (90.5, 9.5));
    assert_eq!((boxes[1].y, boxes[1].height), (22.0, 10.0));
}

#[test]
fn a_line_break_has_no_box() {
    assert!(sample().boxes(3, 4).is_empty());
    assert!(sample().boxes(6, 9).is_empty());
    assert!(sample().boxes(2, 2).is_empty());
}

#[test]
fn the_page_of_a_separator_is_that_of_what_follows() {
    let mut layout = sample();
    layout.lines[1].page = 2;
    layout.lines[1].char_start = 6;
    layout.lines[1].char_end = 8;
    assert_eq!(layout.page_of(3), Some(1));
    assert_eq!(layout.page_of(5), Some(2));
    assert_eq!(layout.page_of(99), Some(2));
}

#[test]
fn vertical_text_is_one_box() {
    let line = |index: u32| LayoutLine {
        page: 1,
        char_start: index,
        char_end: index + 1,
        top: 10.0 * index as f32,
        bottom: 10.0 * index as f32 + 9.0,
        x: vec![20.0, 30.0],
    };
    let layout = Layout { pages: Vec::new(), lines: (0..5).map(line).collect() };
    let boxes = layout.boxes(1, 4);
    assert_eq!(boxes.len(), 1);
    assert_eq!((boxes[0].y, boxes[0].height), (10.0, 29.0));
}
