"""The dashboard: its document, its charts, and the scripts that ask the API for every figure."""
