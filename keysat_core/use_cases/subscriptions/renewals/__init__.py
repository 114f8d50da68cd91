"""The renewal worker's steps, joined by stored rows: decide and store, then tell how asking went."""
