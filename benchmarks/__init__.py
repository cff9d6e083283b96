"""Measurements. Ratios against a baseline of the same run hold on other machines; absolute figures don't."""
