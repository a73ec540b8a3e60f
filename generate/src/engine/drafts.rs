//! Guesses at the next tokens, copied from where the last ones stood before (prompt-lookup decoding): a
//! grounded answer repeats its passages. The model checks a guess in one pass, so the text is the one it would
//! have written without.

use std::collections::HashMap;

/// Tokens that must match before a guess.
const MATCH: usize = 2;
const MOST: usize = 10;
/// Tokens without a guess after one that failed from its first token on, doubled with every further one.
const PAUSE: usize = 2;
const LONGEST_PAUSE: usize = 32;

pub(super) struct Drafts {
    tokens: Vec<u32>,
    /// Where the tokens after each pair stood last.
    after: HashMap<[u32; MATCH], usize>,
    length: usize,
    pause: usize,
    paused: usize,
}

impl Drafts {
    pub(super) fn new(prompt: &[u32]) -> Self {
        let mut drafts = Self { tokens: Vec::new(), after: HashMap::new(), length: MOST / 2, pause: PAUSE, paused: 0 };
        for token in prompt {
            drafts.push(*token);
        }
        drafts.paused = 0;
        drafts
    }

    /// Prompt and text so far.
    pub(super) fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub(super) fn push(&mut self, token: u32) {
        // The pair that ends before the new token: its own place is not yet known when it is looked up.
        if let Some(pair) = self.tokens.last_chunk::<MATCH>() {
            self.after.insert(*pair, self.tokens.len());
        }
        self.tokens.push(token);
        self.paused = self.paused.saturating_sub(1);
    }

    /// At most `room` tokens, often none.
    pub(super) fn guess(&self, room: usize) -> &[u32] {
        let pair = self.tokens.last_chunk::<MATCH>();
        match pair.and_then(|pair| self.after.get(pair)) {
            Some(start) if self.paused == 0 => {
                let end = (start + self.length.min(room)).min(self.tokens.len());
                &self.tokens[*start..end]
            }
            _ => &[],
        }
    }

    /// How many of the guessed tokens were right.
    pub(super) fn learn(&mut self, guessed: usize, right: usize) {
        if guessed == 0 {
            return;
        }
        if right == guessed {
            (self.length, self.pause) = ((2 * self.length).min(MOST), PAUSE);
        } else if right > 0 {
            (self.length, self.pause) = ((right + 1).min(MOST), PAUSE);
        } else {
            self.length = 2;
            self.paused = self.pause;
            self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_followed_the_last_two_tokens_is_guessed() {
        let mut drafts = Drafts::new(&[1, 2, 3, 4, 5, 6, 9, 1, 2]);
        assert_eq!(drafts.guess(3), [3, 4, 5]);
        drafts.push(3);
        assert_eq!(drafts.guess(2), [4, 5]);
        assert_eq!(drafts.guess(0), [0_u32; 0]);
        drafts.push(77);
        assert!(drafts.guess(9).is_empty());
    }

    #[test]
    fn wrong_guesses_are_fewer_and_shorter() {
        let mut drafts = Drafts::new(&[1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
        drafts.learn(5, 0);
        assert!(drafts.guess(9).is_empty());
        drafts.push(3);
        drafts.push(4);
        assert_eq!(drafts.guess(9), [5, 6]);
        drafts.learn(2, 2);
        assert_eq!(drafts.guess(9), [5, 6, 7, 8]);
    }
}
