"""Tiny random transformers models with tokenizer or processor, written to a folder as their libraries write them."""

import torch

SENTENCES = [
    "good film bad film",
    "the plot was very good and the cast was fine",
    "a very bad plot, not a good film",
    "Sentence: the film was fine. Label: positive",
    "0 1 2 3 4 5 6 7 8 9 yes no negative positive\n\n",
]


def build_tokenizer(kind="gpt2", max_length=None):
    """Byte-level BPE of about 300 tokens, without a token to pad with; for "bert" WordPiece with one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    options = {} if max_length is None else {"model_max_length": max_length}
    if kind in ("bert", "roberta"):
        special = {
            "bert": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
            # The id to pad with must be 1.
            "roberta": {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"},
        }[kind]
        tokenizer = Tokenizer(models.WordPiece(unk_token=special["unk"]))
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=120, special_tokens=list(special.values()), show_progress=False
        )
        tokenizer.train_from_iterator(SENTENCES, trainer)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special['cls']} $A {special['sep']}",
            special_tokens=[(special[end], tokenizer.token_to_id(special[end])) for end in ("cls", "sep")],
        )
        options |= {f"{role}_token": token for role, token in special.items()}
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **options)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, unk_token=end, **options
    )


def causal_config(kind, vocabulary=300, positions=64, width=32, layers=3):
    """Return the configuration of a tiny causal language model of that architecture."""
    import transformers as tf

    if kind == "gpt2":
        return tf.GPT2Config(
            vocab_size=vocabulary, n_positions=positions, n_embd=width, n_layer=layers, n_head=4,
            bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
    if kind == "gpt_neo":
        return tf.GPTNeoConfig(
            vocab_size=vocabulary, max_position_embeddings=positions, hidden_size=width, num_layers=layers,
            num_heads=4, attention_types=[[["global"], 1], [["local"], layers - 1]], window_size=8,
            intermediate_size=2 * width, bos_token_id=0, eos_token_id=0,
        )  # fmt: skip
    if kind == "bloom":
        return tf.BloomConfig(
            vocab_size=vocabulary, hidden_size=width, n_layer=layers, n_head=4, bos_token_id=0, eos_token_id=0,
            pad_token_id=None,
        )  # fmt: skip
    shared = {
        "vocab_size": vocabulary, "max_position_embeddings": positions, "hidden_size": width,
        "num_hidden_layers": layers, "num_attention_heads": 4, "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    if kind == "gpt_neox":
        return tf.GPTNeoXConfig(**shared, intermediate_size=2 * width)
    if kind == "opt":
        return tf.OPTConfig(**shared, ffn_dim=2 * width, word_embed_proj_dim=width, pad_token_id=1)
    if kind == "llama":
        return tf.LlamaConfig(**shared, intermediate_size=2 * width, num_key_value_heads=2)
    raise ValueError(kind)


def build_causal_lm(folder, kind, *, seed=0, max_length=None, **shape):
    """Write a tiny random causal LM of `kind` with a BPE tokenizer to `folder`, and return `folder`.

    `kind` is "gpt2", "gpt_neo", "gpt_neox", "bloom", "opt" or "llama"; `shape` may hold vocabulary,
    positions, width and layers.
    """
    from transformers import AutoModelForCausalLM

    tokenizer = build_tokenizer("gpt2", max_length)
    _save(lambda: AutoModelForCausalLM.from_config(causal_config(kind, **shape)), folder, seed)
    tokenizer.save_pretrained(folder)
    return folder


def build(folder, kind, **options):
    """Write a tiny random model of any kind that is known here to `folder`."""
    if kind in ("bert", "roberta", "t5"):
        return build_text_encoder(folder, kind, **options)
    if kind in ("vit", "resnet"):
        return build_image_model(folder, kind, **options)
    if kind in ("whisper", "wav2vec2", "hubert", "wavlm", "wav2vec2-bert"):
        return build_audio_model(folder, kind, **options)
    if kind in ("clip", "siglip", "clap"):
        return build_pair(folder, kind, **options)
    return build_causal_lm(folder, kind, **options)


def _save(build, folder, seed, scale=5):
    """Save a model with weights larger than usual, so that all parts of it matter."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.ndim > 1 and "position" not in name:
                    weight.mul_(scale)
                elif name.endswith("bias"):
                    weight.normal_(0, 0.1)
        model.save_pretrained(folder)


def build_text_encoder(folder, kind, *, seed=0, positions=32):
    """Write a tiny random "bert", "roberta" or "t5" with a WordPiece tokenizer to `folder`."""
    import transformers as tf

    tokenizer = build_tokenizer("roberta" if kind == "roberta" else "bert")
    size = len(tokenizer)
    if kind == "t5":
        config = tf.T5Config(
            vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
        )
    else:
        config = (tf.BertConfig if kind == "bert" else tf.RobertaConfig)(
            vocab_size=size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=positions,
            pad_token_id=tokenizer.pad_token_id,
        )
    # The weights of T5 are large from the start; larger ones would make rounding errors grow.
    _save(lambda: tf.AutoModel.from_config(config), folder, seed, scale=1 if kind == "t5" else 5)
    tokenizer.save_pretrained(folder)
    return folder


def build_image_model(folder, kind="vit", *, seed=0):
    """Write a tiny random "vit" or "resnet" of 32 by 32 pixels with an image processor to `folder`."""
    import transformers as tf

    if kind == "vit":
        config = tf.ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
        )
    else:
        config = tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    _save(lambda: tf.AutoModel.from_config(config), folder, seed)
    tf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def build_audio_model(folder, kind="whisper", *, seed=0):
    """Write a tiny random model of sound to `folder`; "wav2vec2" heeds a mask, "hubert" and "wavlm" do not."""
    import transformers as tf

    if kind == "whisper":
        # Two seconds, not thirty.
        config = tf.WhisperConfig(
            vocab_size=50,
            num_mel_bins=16,
            d_model=32,
            encoder_layers=2,
            decoder_layers=1,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_source_positions=100,
            max_target_positions=16,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
        processor = tf.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    elif kind == "wav2vec2-bert":
        config = tf.Wav2Vec2BertConfig(
            vocab_size=32,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            feature_projection_input_dim=32,
        )
        processor = tf.SeamlessM4TFeatureExtractor(feature_size=16, num_mel_bins=16)
    else:
        masked = kind == "wav2vec2"
        config = {"wav2vec2": tf.Wav2Vec2Config, "hubert": tf.HubertConfig, "wavlm": tf.WavLMConfig}[kind](
            vocab_size=32,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            conv_dim=(16, 16, 16),
            conv_kernel=(10, 3, 2),
            conv_stride=(5, 2, 2),
            num_feat_extract_layers=3,
            num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=4,
            feat_extract_norm="layer" if masked else "group",
            do_stable_layer_norm=masked,
        )
        processor = tf.Wav2Vec2FeatureExtractor(return_attention_mask=masked)
    _save(lambda: tf.AutoModel.from_config(config), folder, seed)
    processor.save_pretrained(folder)
    return folder


def build_pair(folder, kind, *, seed=0, fusion=False):
    """Write a tiny random "clip", "siglip" or "clap" with tokenizer and processor to `folder`; texts of 16 tokens."""
    import transformers as tf

    tokenizer = build_tokenizer("roberta" if kind == "clap" else "gpt2", max_length=16)
    if kind != "clap":
        from tokenizers import processors

        tokenizer.pad_token = end = tokenizer.eos_token
        # The text of CLIP is in the state of its end.
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=f"$A {end}", special_tokens=[(end, tokenizer.eos_token_id)]
        )
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    text = {
        **tower,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 32 if kind == "clap" else 16,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "projection_dim": 24,
        "projection_size": 32,
    }
    image = {**tower, "image_size": 32, "patch_size": 8, "projection_dim": 24}
    if kind == "clip":
        config = tf.CLIPConfig(text_config=text, vision_config=image, projection_dim=24)
        processor = tf.ViTImageProcessor(size={"height": 32, "width": 32})
    elif kind == "siglip":
        config = tf.SiglipConfig(text_config=text, vision_config=image)
        processor = tf.SiglipImageProcessor(size={"height": 32, "width": 32})
    else:
        audio = {
            "spec_size": 64, "num_mel_bins": 16, "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
            "patch_embeds_hidden_size": 16, "hidden_size": 32, "depths": [1, 1], "num_attention_heads": [2, 2],
            "projection_dim": 24, "num_classes": 5, "enable_fusion": fusion,
        }  # fmt: skip
        config = tf.ClapConfig(text_config=text, audio_config=audio, projection_dim=24)
        processor = tf.ClapFeatureExtractor(
            feature_size=16, sampling_rate=16000, hop_length=160, max_length_s=2, fft_window_size=512,
            frequency_max=8000, truncation="rand_trunc", padding="repeatpad",
        )  # fmt: skip
    _save(lambda: tf.AutoModel.from_config(config), folder, seed)
    processor.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
