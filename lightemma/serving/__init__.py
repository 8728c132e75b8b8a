"""Model servers that the harness starts, watches, restarts and ends: vLLM, SGLang, transformers serve."""
