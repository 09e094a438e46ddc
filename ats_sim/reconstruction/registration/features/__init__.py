"""Dense features of pictures: what a place looks like, whatever the light."""
