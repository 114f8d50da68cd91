"""What the doctor looks at: measured by an adapter, judged by ``domain.diagnosis``, never changed."""
