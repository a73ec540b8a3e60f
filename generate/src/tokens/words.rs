//! How byte-level vocabularies cut a text into words before they join bytes, by the name that a GGUF file gives
//! for it. The patterns are those that the models' own tokenizers were trained with; llama.cpp's
//! `llama-vocab.cpp` names them.

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{PreTokenizerWrapper, Result};

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// One pattern after the other cuts what the ones before have left in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    patterns: &'static [&'static str],
    /// A word that is a token is that token, whatever its parts would be joined to.
    pub(super) keeps_tokens: bool,
    pub(super) adds_begin: bool,
    /// The text is composed (Unicode NFC) first.
    pub(super) composes: bool,
}

impl Words {
    const fn new(patterns: &'static [&'static str]) -> Self {
        Self { patterns, keeps_tokens: false, adds_begin: false, composes: false }
    }

    /// By the value of `tokenizer.ggml.pre`.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "default" => Self::new(&[r"[\p{P}\$\+<=>\^~\|]+", GPT_2, r"\p{N}+", "[0-9][0-9][0-9]"]),
            "gpt-2" | "phi-2" | "olmo" | "mpt" | "jais" | "trillion" | "mellum" | "granite-docling" => {
                Self::new(&[GPT_2])
            }
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
                Self::new(&[DIGIT, GPT_2])
            }
            "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "pixtral" | "midm-2.0" | "lfm2" => {
                Self { keeps_tokens: true, adds_begin: true, ..Self::new(&[LLAMA_3]) }
            }
            "smaug-bpe" | "dbrx" => Self::new(&[LLAMA_3]),
            "qwen2" | "deepseek-r1-qwen" | "megrez" => Self { composes: true, ..Self::new(&[QWEN_2]) },
            "tekken" => Self { keeps_tokens: true, adds_begin: true, ..Self::new(&[TEKKEN]) },
            "deepseek-coder" => Self::new(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", DIGIT]),
            _ => return None,
        })
    }

    pub(super) fn pre_tokenizer(self) -> Result<PreTokenizerWrapper> {
        let mut steps = Vec::new();
        for pattern in self.patterns {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
            steps.push(PreTokenizerWrapper::Split(split));
        }
        steps.push(PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)));
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(steps)))
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};

    use super::*;

    fn words(name: &str, text: &str) -> Vec<String> {
        let mut pieces = PreTokenizedString::from(text);
        let cut = Words::of(name).expect("is known").pre_tokenizer().expect("the patterns are valid");
        cut.pre_tokenize(&mut pieces).expect("cuts");
        let pieces = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        pieces.into_iter().map(|(_, (start, end), _)| text[start..end].to_owned()).collect()
    }

    #[test]
    fn each_pattern_cuts_where_its_model_was_taught_to() {
        let text = "I'LL don't 12345 x=4²;\n\n  Hé  LLMmodel";
        for (name, expected) in [
            ("gpt-2", "I|'|LL| don|'t| 12345| x|=|4²|;|\n\n | Hé| | LLMmodel"),
            ("default", "I|'|LL| don|'|t| |123|45| x|=|4²|;|\n\n | Hé| | LLMmodel"),
            ("smollm", "I|'|LL| don|'t| |1|2|3|4|5| x|=|4|²|;|\n\n | Hé| | LLMmodel"),
            ("llama-bpe", "I|'LL| don|'t| |123|45| x|=|4²|;\n\n| | Hé| | LLMmodel"),
            ("qwen2", "I|'LL| don|'t| |1|2|3|4|5| x|=|4|²|;\n\n| | Hé| | LLMmodel"),
            ("tekken", "I|'LL| don|'t| |1|2|3|4|5| x|=|4|²|;\n\n| | Hé| | LLMmodel"),
            ("deepseek-coder", "I|'|LL| don|'|t| |1|2|3|4|5| x|=|4|²|;|\n|\n| | Hé| | LLMmodel"),
        ] {
            assert_eq!(words(name, text).join("|"), expected, "{name}");
        }
    }

    #[test]
    fn tekken_cuts_before_a_capital_and_after_a_slash() {
        assert_eq!(words("tekken", "camelCase HTTPServer a//\n b").join("|"), "camel|Case| HTTPServer| a|//\n| b");
    }

    #[test]
    fn names_of_one_family_mean_the_same() {
        for (names, patterns) in [
            (&["smollm", "starcoder", "refact", "command-r"][..], &[DIGIT, GPT_2][..]),
            (&["llama-bpe", "llama3", "llama-v3", "smaug-bpe"], &[LLAMA_3]),
            (&["qwen2", "deepseek-r1-qwen"], &[QWEN_2]),
        ] {
            for name in names {
                assert_eq!(Words::of(name).map(|words| words.patterns), Some(patterns), "{name}");
            }
        }
        assert_eq!(Words::of("something-new"), None);
    }
}
