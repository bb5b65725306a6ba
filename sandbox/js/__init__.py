"""Kind ``js``: unmodified Lambda@Edge and CloudFront Functions handlers on one shared JavaScript engine."""
