"""Settings: where each value comes from (`sources`), what it is (`settings`), and where things lie
(`paths`)."""
