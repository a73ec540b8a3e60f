//! The BPE of `SentencePiece`: no words are cut beforehand, the pair with the best score is joined first, and what the
//! vocabulary cannot spell becomes bytes. Source: its `bpe_model.cc`; the space before a text and
//! after a special token as in llama.cpp's `llama-vocab.cpp`.

use std::collections::{BinaryHeap, HashMap, HashSet};

/// Stands for a space in the vocabulary.
pub(super) const SPACE: char = '\u{2581}';

#[derive(Debug)]
pub(super) struct SentencePieces {
    /// Token and score of what may be joined.
    pub(super) pieces: HashMap<String, (u32, f32)>,
    /// May be joined on the way to something longer, but not stay.
    pub(super) unused: HashSet<u32>,
    pub(super) bytes: [Option<u32>; 256],
    pub(super) unknown: Option<u32>,
    pub(super) adds_space: bool,
}

/// Part of the text, in a doubly linked list.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    /// 0 where it was joined to the one before.
    length: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// Two neighbours that make a piece. The best score goes first, then the leftmost.
#[derive(Debug, PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Of both, to see whether one has changed since.
    length: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Joining<'a> {
    vocabulary: &'a SentencePieces,
    text: &'a str,
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
    /// Where unused pieces were joined, by start and length.
    seams: HashMap<(usize, usize), usize>,
}

impl SentencePieces {
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut escaped = String::with_capacity(text.len() + 3);
        if self.adds_space {
            escaped.push(SPACE);
        }
        escaped.extend(text.chars().map(|char| if char == ' ' { SPACE } else { char }));
        let mut joining = Joining {
            vocabulary: self,
            text: &escaped,
            symbols: Vec::new(),
            pairs: BinaryHeap::new(),
            seams: HashMap::new(),
        };
        joining.run();
        let mut tokens = Vec::new();
        for symbol in joining.symbols.iter().filter(|symbol| symbol.length > 0) {
            joining.write(symbol.start, symbol.length, &mut tokens);
        }
        tokens
    }
}

impl Joining<'_> {
    fn run(&mut self) {
        let count = self.text.chars().count();
        let symbols = self.text.char_indices().enumerate().map(|(index, (start, char))| Symbol {
            start,
            length: char.len_utf8(),
            before: index.checked_sub(1),
            after: Some(index + 1).filter(|after| *after < count),
        });
        self.symbols = symbols.collect();
        for right in 1..count {
            self.consider(Some(right - 1), Some(right));
        }
        while let Some(pair) = self.pairs.pop() {
            let (left, right) = (self.symbols[pair.left], self.symbols[pair.right]);
            if left.length == 0 || right.length == 0 || left.length + right.length != pair.length {
                continue;
            }
            self.symbols[pair.left].length = pair.length;
            self.symbols[pair.left].after = right.after;
            self.symbols[pair.right].length = 0;
            if let Some(after) = right.after {
                self.symbols[after].before = Some(pair.left);
            }
            self.consider(left.before, Some(pair.left));
            self.consider(Some(pair.left), right.after);
        }
    }

    fn consider(&mut self, left: Option<usize>, right: Option<usize>) {
        let (Some(left), Some(right)) = (left, right) else {
            return;
        };
        let (start, middle) = (self.symbols[left].start, self.symbols[left].length);
        let length = middle + self.symbols[right].length;
        let Some((token, score)) = self.vocabulary.pieces.get(&self.text[start..start + length]) else {
            return;
        };
        if self.vocabulary.unused.contains(token) {
            self.seams.insert((start, length), middle);
        }
        self.pairs.push(Pair { score: *score, left, right, length });
    }

    fn write(&self, start: usize, length: usize, tokens: &mut Vec<u32>) {
        // Seams lie within seams: a list of what is left to write instead of calls within calls.
        let mut rest = vec![(start, length)];
        while let Some((start, length)) = rest.pop() {
            let piece = &self.text[start..start + length];
            match self.vocabulary.pieces.get(piece) {
                Some((token, _)) if !self.vocabulary.unused.contains(token) => tokens.push(*token),
                _ => match self.seams.get(&(start, length)) {
                    Some(middle) => rest.extend([(start + middle, length - middle), (start, *middle)]),
                    None => self.spell(piece, tokens),
                },
            }
        }
    }

    /// Byte by byte.
    fn spell(&self, piece: &str, tokens: &mut Vec<u32>) {
        let bytes = piece.bytes().map(|byte| self.vocabulary.bytes[usize::from(byte)]);
        match bytes.collect::<Option<Vec<_>>>() {
            Some(bytes) => tokens.extend(bytes),
            None => tokens.extend(self.vocabulary.unknown),
        }
    }
}
