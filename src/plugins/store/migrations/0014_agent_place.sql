-- The market place where an agent begins; NULL where the places fill by their shares.
ALTER TABLE market_agent ADD COLUMN place TEXT;
