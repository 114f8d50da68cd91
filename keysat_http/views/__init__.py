"""Response structs, one module per noun, and how domain values become them. No rules here."""
