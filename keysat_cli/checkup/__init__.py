"""What the doctor looks at: measured by an adapter, judged by the domain, never changed."""
