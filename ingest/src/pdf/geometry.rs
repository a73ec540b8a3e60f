//! Affine maps of PDF, and frames: the axes along which a piece of text runs.

/// `[a b c d e f]` as PDF writes it: x' = a·x + c·y + e, y' = b·x + d·y + f.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Matrix {
    pub a: f32,
    pub b: f32,
    pub c: f32,
    pub d: f32,
    pub e: f32,
    pub f: f32,
}

impl Matrix {
    pub(super) const IDENTITY: Self = Self::new([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    pub(super) const fn new(entries: [f32; 6]) -> Self {
        Self { a: entries[0], b: entries[1], c: entries[2], d: entries[3], e: entries[4], f: entries[5] }
    }

    pub(super) const fn translation(x: f32, y: f32) -> Self {
        Self::new([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// First `self`, then `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        Self {
            a: self.a * next.a + self.b * next.c,
            b: self.a * next.b + self.b * next.d,
            c: self.c * next.a + self.d * next.c,
            d: self.c * next.b + self.d * next.d,
            e: self.e * next.a + self.f * next.c + next.e,
            f: self.e * next.b + self.f * next.d + next.f,
        }
    }

    pub(super) fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)
    }

    /// Directions have no place: the translation does not apply.
    pub(super) fn direction(&self, x: f32, y: f32) -> (f32, f32) {
        (self.a * x + self.c * y, self.b * x + self.d * y)
    }
}

/// A rectangle by its corners, `x0 <= x1` and `y0 <= y1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

impl Rectangle {
    pub(super) fn from_corners([x0, y0, x1, y1]: [f32; 4]) -> Self {
        Self { x0: x0.min(x1), y0: y0.min(y1), x1: x0.max(x1), y1: y0.max(y1) }
    }

    pub(super) fn width(&self) -> f32 {
        self.x1 - self.x0
    }

    pub(super) fn height(&self) -> f32 {
        self.y1 - self.y0
    }

    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        let common = Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        };
        (common.width() > 0.0 && common.height() > 0.0).then_some(common)
    }

    /// The smallest upright rectangle around `self` after the map.
    pub(super) fn mapped(&self, matrix: &Matrix) -> Self {
        let corners = [
            matrix.point(self.x0, self.y0),
            matrix.point(self.x1, self.y0),
            matrix.point(self.x0, self.y1),
            matrix.point(self.x1, self.y1),
        ];
        let (mut around, rest) = (Self::at(corners[0]), &corners[1..]);
        for &(x, y) in rest {
            around.x0 = around.x0.min(x);
            around.x1 = around.x1.max(x);
            around.y0 = around.y0.min(y);
            around.y1 = around.y1.max(y);
        }
        around
    }

    fn at((x, y): (f32, f32)) -> Self {
        Self { x0: x, y0: y, x1: x, y1: y }
    }
}

/// The direction in which text runs on the displayed page, in whole degrees clockwise from
/// rightwards. In a frame's own coordinates text always runs rightwards and lines follow
/// downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Frame {
    degrees: u16,
}

/// Text that leans less than this counts as straight.
const SNAP_DEGREES: f32 = 4.0;

impl Frame {
    /// The frame of text that advances by `(dx, dy)`, y downwards.
    pub(super) fn of_direction(dx: f32, dy: f32) -> Self {
        let degrees = dy.atan2(dx).to_degrees();
        let quarter = (degrees / 90.0).round() * 90.0;
        let snapped = if (degrees - quarter).abs() < SNAP_DEGREES { quarter } else { degrees.round() };
        Self { degrees: (snapped as i32).rem_euclid(360) as u16 }
    }

    pub(super) fn is_upright(self) -> bool {
        self.degrees == 0
    }

    fn cosine_and_sine(self) -> (f32, f32) {
        match self.degrees {
            0 => (1.0, 0.0),
            90 => (0.0, 1.0),
            180 => (-1.0, 0.0),
            270 => (0.0, -1.0),
            degrees => {
                let radians = f32::from(degrees).to_radians();
                (radians.cos(), radians.sin())
            }
        }
    }

    /// From the displayed page (y downwards) into the frame.
    pub(super) fn enter(self, x: f32, y: f32) -> (f32, f32) {
        let (cosine, sine) = self.cosine_and_sine();
        (x * cosine + y * sine, y * cosine - x * sine)
    }

    /// The displayed rectangle around a rectangle of the frame.
    pub(super) fn leave(self, inside: Rectangle) -> Rectangle {
        let (cosine, sine) = self.cosine_and_sine();
        inside.mapped(&Matrix::new([cosine, sine, -sine, cosine, 0.0, 0.0]))
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, Matrix, Rectangle};

    #[test]
    fn maps_compose_in_order() {
        let scale = Matrix::new([2.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        let both = scale.then(&Matrix::translation(10.0, 0.0));
        assert_eq!(both.point(1.0, 1.0), (12.0, 2.0));
        assert_eq!(both.direction(1.0, 1.0), (2.0, 2.0));
    }

    #[test]
    fn leaving_a_frame_undoes_entering_it() {
        for (dx, dy) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            let frame = Frame::of_direction(dx, dy);
            let (x, y) = frame.enter(30.0, 40.0);
            let back = frame.leave(Rectangle::from_corners([x, y, x + 5.0, y + 2.0]));
            let corners = [(back.x0, back.y0), (back.x1, back.y1), (back.x0, back.y1)];
            assert!(corners.contains(&(30.0, 40.0)) || (back.x1, back.y0) == (30.0, 40.0), "{frame:?} {back:?}");
        }
    }

    #[test]
    fn slightly_leaning_text_is_straight() {
        assert!(Frame::of_direction(100.0, 3.0).is_upright());
        assert!(!Frame::of_direction(100.0, 30.0).is_upright());
    }
}
