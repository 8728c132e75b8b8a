"""Model servers that the harness starts, watches, starts again and ends: vLLM, SGLang, transformers serve."""
