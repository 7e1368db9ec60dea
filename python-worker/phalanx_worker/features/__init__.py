"""What is seen in images: judgements and the features that statistics are made of."""
