"""The page of `semcomm app`: one photograph, one system, and an SNR to slide."""
