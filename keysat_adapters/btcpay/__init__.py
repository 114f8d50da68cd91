"""BTCPay Server: payments in bitcoin, on the chain and over lightning, through the seller's own node."""
