"""Operations of Lambda, by group."""
