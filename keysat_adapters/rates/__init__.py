"""Exchange rates from public price sources, asked in turn."""
