"""The paper's figures, from photographs to judged claims."""
