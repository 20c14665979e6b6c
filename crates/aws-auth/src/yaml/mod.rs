//! YAML 1.1 as the reader's parser has it.
