"""What MLSC-image is compared with."""
