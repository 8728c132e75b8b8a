"""The tiny driver: a small vision-language model that is part of the package, and what runs it without torch."""
