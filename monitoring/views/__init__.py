"""The pages: parse, authorise, call one service or selector, render."""
