"""The paper's tables, the numbers of its text, and the comparison of all of them with ours."""
