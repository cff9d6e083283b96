"""Measurements. Ratios against a baseline of the same run hold on another machine; absolute figures don't."""
