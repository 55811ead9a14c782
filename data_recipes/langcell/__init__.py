"""Recipe of the LangCell model: texts, held-out types and the text tokenizer."""
