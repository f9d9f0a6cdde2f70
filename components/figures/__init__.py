"""Plotly figures from values; no Streamlit here."""
