//! Stop texts: the text ends before any of them.

/// Holds back text that may be the beginning of a stop text.
pub(super) struct StopTexts {
    stops: Vec<String>,
    held: String,
    read_bytes: usize,
    sent_bytes: usize,
    met: bool,
}

impl StopTexts {
    pub(super) fn new(stops: &[String]) -> Self {
        let stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        Self { stops, held: String::new(), read_bytes: 0, sent_bytes: 0, met: false }
    }

    pub(super) fn met(&self) -> bool {
        self.met
    }

    /// Of all texts that came in.
    pub(super) fn read_bytes(&self) -> usize {
        self.read_bytes
    }

    /// Of all texts that went out.
    pub(super) fn sent_bytes(&self) -> usize {
        self.sent_bytes
    }

    /// What may go out.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.read_bytes += text.len();
        self.held.push_str(text);
        let free = match self.stops.iter().filter_map(|stop| self.held.find(stop)).min() {
            Some(at) => {
                self.met = true;
                self.held.truncate(at);
                at
            }
            None => self.unsuspicious(),
        };
        let rest = self.held.split_off(free);
        self.sent_bytes += free;
        std::mem::replace(&mut self.held, rest)
    }

    /// Length of the text that no stop text can begin in.
    fn unsuspicious(&self) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let mut ends = self.held.char_indices().map(|(at, _)| at);
        // A whole stop text would have been found: only a shorter tail can be the beginning of one.
        let suspicious = ends.find(|at| {
            self.held.len() - at < longest && self.stops.iter().any(|stop| stop.starts_with(&self.held[*at..]))
        });
        suspicious.unwrap_or(self.held.len())
    }

    pub(super) fn finish(&mut self) -> String {
        self.sent_bytes += self.held.len();
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_text_is_found_across_pieces() {
        let stops = ["\n\nQ:".to_owned(), "END".to_owned(), String::new()];
        for (pieces, out, met) in [
            (&["Paris.\n", "\n", "Q", ": next"][..], "Paris.", true),
            (&["an E", "ND of"], "an ", true),
            (&["an E", "N", " route"], "an EN route", false),
            (&["line\n", "\nnext"], "line\n\nnext", false),
            (&["ends on E"], "ends on E", false),
        ] {
            let mut texts = StopTexts::new(&stops);
            let mut written = String::new();
            for piece in pieces {
                written.push_str(&texts.push(piece));
                assert_eq!(texts.sent_bytes(), written.len());
                if texts.met() {
                    break;
                }
            }
            written.push_str(&texts.finish());
            assert_eq!((written.as_str(), texts.met()), (out, met), "{pieces:?}");
        }
    }
}
