"""What recurrent cells have learned."""
