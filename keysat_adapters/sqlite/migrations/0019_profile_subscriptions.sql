-- What a merchant profile bills is counted in the index alone, for its screen.
DROP INDEX subscriptions_of_profile;
CREATE INDEX subscriptions_of_profile ON subscriptions (merchant_profile_id, status);
