"""The person who films: path, hand, camera, depth sensor, odometry, and the recordings they leave."""
