"""A labeler learned from data: a spaCy text classifier taught by rules and gold."""
