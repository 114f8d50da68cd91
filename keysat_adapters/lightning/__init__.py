"""Lightning addresses over HTTPS, and the invoices they give."""
