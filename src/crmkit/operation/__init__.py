"""Operations: lists of named steps that hosts and packages may change."""
