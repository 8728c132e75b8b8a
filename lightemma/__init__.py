"""How well does a vision-language model drive, zero-shot?"""

__version__ = "0.1.0"
