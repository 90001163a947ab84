"""The official API, for energy service providers."""
