//! Tensors have the names of GGUF everywhere; those of safetensors are translated.

const PARTS: [(&str, &str); 11] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// The name in GGUF files of a tensor in safetensors; none for what no forward pass needs. Unknown names stay.
pub(super) fn translate(name: &str) -> Option<String> {
    if name.ends_with(".rotary_emb.inv_freq") {
        // Follows from the configuration; older libraries stored it.
        return None;
    }
    let translated = match name.strip_prefix("model.").unwrap_or(name) {
        "embed_tokens.weight" => Some("token_embd.weight".to_owned()),
        "norm.weight" => Some("output_norm.weight".to_owned()),
        "lm_head.weight" => Some("output.weight".to_owned()),
        layer => layer.strip_prefix("layers.").and_then(translate_layer),
    };
    Some(translated.unwrap_or_else(|| name.to_owned()))
}

/// `3.mlp.up_proj.weight` to `blk.3.ffn_up.weight`.
fn translate_layer(name: &str) -> Option<String> {
    let (number, name) = name.split_once('.')?;
    let number = number.parse::<u32>().ok()?;
    let (part, end) = name.rsplit_once('.').filter(|(_, end)| matches!(*end, "weight" | "bias"))?;
    let (_, ours) = PARTS.iter().find(|(theirs, _)| *theirs == part)?;
    Some(format!("blk.{number}.{ours}.{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_gguf() {
        for (theirs, ours) in [
            ("model.embed_tokens.weight", Some("token_embd.weight")),
            ("lm_head.weight", Some("output.weight")),
            ("model.norm.weight", Some("output_norm.weight")),
            ("model.layers.11.self_attn.q_proj.bias", Some("blk.11.attn_q.bias")),
            ("layers.0.post_attention_layernorm.weight", Some("blk.0.ffn_norm.weight")),
            ("model.layers.0.self_attn.rotary_emb.inv_freq", None),
            ("model.layers.0.block_sparse_moe.gate.weight", Some("model.layers.0.block_sparse_moe.gate.weight")),
            ("model.layers.x.mlp.up_proj.weight", Some("model.layers.x.mlp.up_proj.weight")),
        ] {
            assert_eq!(translate(theirs).as_deref(), ours, "{theirs}");
        }
    }
}
