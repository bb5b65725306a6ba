def lambda_handler(event, context):
    print(event["Records"][0]["cf"]["request"]["uri"])
